// The only place with libjpeg-turbo.
#include <turbojpeg.h>

#include <memory>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

struct Destroy {
  void operator()(void* handle) const { tjDestroy(handle); }
};

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  thread_local const std::unique_ptr<void, Destroy> handle(tjInitDecompress());
  if (!handle) throw Error(Code::unavailable, "no memory to decode it");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colorspace = 0;
  if (tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &subsampling, &colorspace) != 0 &&
      tjGetErrorCode(handle.get()) == TJERR_FATAL)
    throw Error(Code::invalid_argument, tjGetErrorStr2(handle.get()));
  check_image_size(width, height);
  decoded.height = height;
  decoded.width = width;
  decoded.channels = channels;
  decoded.bytes.resize(decoded.view().size());
  // The accurate DCT and smooth chroma upsampling are what aeon's pixels come from. A file with hundreds of scans takes
  // minutes and is an attack.
  const int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
  if (tjDecompress2(handle.get(), data, bytes.size(), decoded.bytes.data(), width, 0, height,
                    channels == 1 ? TJPF_GRAY : TJPF_BGR, flags) == 0)
    return;
  // Stray bytes between parts are common in photos and change nothing; any other warning means wrong pixels.
  const std::string_view message = tjGetErrorStr2(handle.get());
  if (tjGetErrorCode(handle.get()) == TJERR_WARNING && message.find("extraneous bytes") != message.npos) return;
  throw Error(Code::invalid_argument, std::string(message));
}

const ImageDecoderOnShelf registered({"JPEG", {"\xFF\xD8\xFF", 3}, decode});

}  // namespace
}  // namespace aeon
