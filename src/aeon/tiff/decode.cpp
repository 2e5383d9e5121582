// The only place with libtiff.
#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// Bytes in memory as libtiff reads a file, and what it says of them.
struct Source {
  std::string_view bytes;
  std::size_t at = 0;
  std::string error;

  static Source& of(void* self) { return *static_cast<Source*>(self); }
  static tmsize_t read(void* self, void* to, tmsize_t count) {
    Source& source = of(self);
    const std::size_t left = source.bytes.size() - std::min(source.at, source.bytes.size());
    const std::size_t some = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(count, 0)));
    std::memcpy(to, source.bytes.data() + std::min(source.at, source.bytes.size()), some);
    source.at += some;
    return static_cast<tmsize_t>(some);
  }
  static tmsize_t write(void*, void*, tmsize_t) { return -1; }
  static toff_t seek(void* self, toff_t offset, int whence) {
    Source& source = of(self);
    const toff_t origin = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source.at : source.bytes.size();
    return source.at = static_cast<std::size_t>(origin + offset);
  }
  static int close(void*) { return 0; }
  static toff_t size(void* self) { return of(self).bytes.size(); }

  static int on_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
    char text[200];
    std::vsnprintf(text, sizeof text, format, arguments);
    std::string& error = of(self).error;
    if (error.empty()) error = text;  // what comes later follows from the first
    while (error.ends_with('.')) error.pop_back();
    return 1;
  }
  static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  Source source{bytes, 0, {}};
  const std::unique_ptr<TIFFOpenOptions, Close> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), Source::on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), Source::on_warning, &source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{4} * kMaxImagePixels);
  const std::unique_ptr<TIFF, Close> tiff(TIFFClientOpenExt("image", "rm", &source, Source::read, Source::write,
                                                            Source::seek, Source::close, Source::size, nullptr, nullptr,
                                                            options.get()));
  const auto refuse = [&] {
    throw Error(Code::invalid_argument, source.error.empty() ? "it is damaged" : source.error);
  };
  if (tiff == nullptr) refuse();
  std::uint32_t width = 0, height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  check_image_size(width, height);
  // Transparency is dropped: without this, libtiff would mix the colours with black by it.
  std::uint16_t extra = 0;
  const std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) == 1 && extra == 1) {
    constexpr std::uint16_t kMixedAlready = EXTRASAMPLE_ASSOCALPHA;
    TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, 1, &kMixedAlready);
  }
  const std::size_t pixels = std::size_t{width} * height;
  decoded.allot(tensor::Dtype::u8, {height, width, channels}, static_cast<std::int64_t>(8 * pixels));
  std::vector<std::uint32_t> rgba(pixels);
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, rgba.data(), ORIENTATION_TOPLEFT, 1) == 0) refuse();
  write_rgb(reinterpret_cast<const std::uint8_t*>(rgba.data()), pixels, 4, channels, decoded.bytes.data());
}

const ImageDecoderOnShelf registered({"TIFF", decode});

}  // namespace
}  // namespace aeon
