// The only place with libjpeg-turbo.
#include <fmt/format.h>

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

// The two above come first: jpeglib.h needs them and does not say so.
#include <jpeglib.h>

#include <jerror.h>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

// libjpeg-turbo stores colours past the caches where a line begins at a multiple of 32 bytes, and whoever looks at the
// pixels next waits for memory: a third of the time of a small picture, by the luck of where its pixels lie. So lines
// are decoded off such addresses and copied from there, unless they are so long that the copy costs as much.
constexpr std::size_t kStoresPastCaches = 32, kOffThem = 16, kLines = 16, kLongestCopied = 2048;

// What one decoding needs. It is made anew for every picture, because a decoder that has seen a damaged one decodes the
// next with its tables and its unfinished state. libjpeg leaves by longjmp, which runs no destructors, so everything
// that owns something lives here, outside the frames that are left.
struct Decoding {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back;
  char error[JMSG_LENGTH_MAX] = "";
  std::vector<JSAMPLE> cmyk;  // one line, where the colours are mixed here
  alignas(kStoresPastCaches) JSAMPLE lines[kOffThem + kLines * kLongestCopied];

  ~Decoding() { jpeg_destroy_decompress(&jpeg); }
};

Decoding& decoding_of(j_common_ptr jpeg) { return *static_cast<Decoding*>(jpeg->client_data); }

[[noreturn]] void on_error(j_common_ptr jpeg) {
  Decoding& decoding = decoding_of(jpeg);
  jpeg->err->format_message(jpeg, decoding.error);
  std::longjmp(decoding.back, 1);
}

// Stray bytes between parts are common in photos and change nothing, and neither does the number of a revision; any
// other warning means wrong pixels.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0 || jpeg->err->msg_code == JWRN_EXTRANEOUS_DATA || jpeg->err->msg_code == JWRN_JFIF_MAJOR) return;
  on_error(jpeg);
}

// Called about once per line of blocks. A small file can say that a large picture comes in hundreds of scans.
void on_progress(j_common_ptr jpeg) {
  const auto& picture = *reinterpret_cast<j_decompress_ptr>(jpeg);
  if (std::int64_t{picture.image_width} * picture.image_height * picture.input_scan_number <= kMaxScannedPixels) return;
  std::snprintf(decoding_of(jpeg).error, JMSG_LENGTH_MAX,
                "it is %u wide and %u high and has over %d scans; %d million pixels are the limit in all scans",
                picture.image_width, picture.image_height, picture.input_scan_number - 1,
                static_cast<int>(kMaxScannedPixels / 1'000'000));
  std::longjmp(decoding_of(jpeg).back, 1);
}

bool is_cmyk(const Decoding& decoding) {
  return decoding.jpeg.jpeg_color_space == JCS_CMYK || decoding.jpeg.jpeg_color_space == JCS_YCCK;
}

// What libjpeg holds of a picture that comes in several scans: all its coefficients.
std::int64_t coefficient_bytes(Decoding& decoding) {
  jpeg_decompress_struct& jpeg = decoding.jpeg;
  if (jpeg_has_multiple_scans(&jpeg) == 0) return 0;
  std::int64_t blocks = 0;
  for (int i = 0; i < jpeg.num_components; ++i)
    blocks += (std::int64_t{jpeg.comp_info[i].width_in_blocks} + jpeg.comp_info[i].h_samp_factor) *
              (std::int64_t{jpeg.comp_info[i].height_in_blocks} + jpeg.comp_info[i].v_samp_factor);
  return blocks * static_cast<std::int64_t>(sizeof(JBLOCK));
}

// False with decoding.error set when it fails. Holds nothing that has a destructor, as the two below.
bool read_header(Decoding& decoding, std::string_view bytes, int channels) {
  if (setjmp(decoding.back) != 0) return false;
  jpeg_create_decompress(&decoding.jpeg);
  decoding.jpeg.progress = &decoding.progress;
  jpeg_mem_src(&decoding.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&decoding.jpeg, TRUE);
  // The accurate DCT and smooth chroma upsampling are what aeon's pixels come from.
  decoding.jpeg.dct_method = JDCT_ISLOW;
  decoding.jpeg.do_fancy_upsampling = TRUE;
  decoding.jpeg.out_color_space = is_cmyk(decoding) ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_EXT_BGR;
  return true;
}

bool read_lines(Decoding& decoding, std::uint8_t* pixels, std::size_t stride) {
  if (setjmp(decoding.back) != 0) return false;
  jpeg_start_decompress(&decoding.jpeg);
  const bool copied = stride <= kLongestCopied;
  const std::size_t apart = copied ? (stride + kStoresPastCaches - 1) / kStoresPastCaches * kStoresPastCaches : stride;
  while (decoding.jpeg.output_scanline < decoding.jpeg.output_height) {
    std::uint8_t* to = pixels + decoding.jpeg.output_scanline * stride;
    JSAMPROW lines[kLines];  // about what comes of one line of blocks
    const JDIMENSION count =
        std::min<JDIMENSION>(std::size(lines), decoding.jpeg.output_height - decoding.jpeg.output_scanline);
    for (JDIMENSION i = 0; i < count; ++i) lines[i] = (copied ? decoding.lines + kOffThem : to) + i * apart;
    const JDIMENSION came = jpeg_read_scanlines(&decoding.jpeg, lines, count);
    for (JDIMENSION i = 0; copied && i < came; ++i) std::memcpy(to + i * stride, lines[i], stride);
  }
  jpeg_finish_decompress(&decoding.jpeg);
  return true;
}

// Inks become light: Adobe's programs, and everybody since, store them inverted, so that 255 is no ink.
void mix(const JSAMPLE* inks, std::uint8_t* pixels, JDIMENSION width, int channels) {
  for (JDIMENSION x = 0; x < width; ++x, inks += 4, pixels += channels) {
    const auto light = [&](int ink) { return (inks[ink] * inks[3] + 127) / 255; };
    const int red = light(0), green = light(1), blue = light(2);
    const std::uint8_t mixed[] = {static_cast<std::uint8_t>(red), static_cast<std::uint8_t>(green),
                                  static_cast<std::uint8_t>(blue)};
    write_rgb(mixed, 1, 3, channels, pixels);
  }
}

bool read_cmyk_lines(Decoding& decoding, std::uint8_t* pixels, std::size_t stride, int channels) {
  if (setjmp(decoding.back) != 0) return false;
  jpeg_start_decompress(&decoding.jpeg);
  while (decoding.jpeg.output_scanline < decoding.jpeg.output_height) {
    std::uint8_t* line = pixels + decoding.jpeg.output_scanline * stride;
    JSAMPROW inks = decoding.cmyk.data();
    jpeg_read_scanlines(&decoding.jpeg, &inks, 1);
    mix(inks, line, decoding.jpeg.output_width, channels);
  }
  jpeg_finish_decompress(&decoding.jpeg);
  return true;
}

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  Decoding decoding;
  decoding.jpeg.err = jpeg_std_error(&decoding.errors);
  decoding.jpeg.client_data = &decoding;
  decoding.errors.error_exit = on_error;
  decoding.errors.emit_message = on_message;
  decoding.progress.progress_monitor = on_progress;
  const auto refuse = [&] {
    if (decoding.errors.msg_code == JERR_OUT_OF_MEMORY) throw Error(Code::unavailable, "no memory to decode it");
    throw Error(Code::invalid_argument, decoding.error);
  };
  if (!read_header(decoding, bytes, channels)) refuse();
  const std::int64_t width = decoding.jpeg.image_width, height = decoding.jpeg.image_height;
  check_image_size(width, height);
  const int colors = decoding.jpeg.num_components;
  if (colors != 1 && colors != 3 && colors != 4)
    throw Error(Code::invalid_argument, fmt::format("it has {} colour channels; 1, 3 and 4 can be read", colors));
  decoded.allot(tensor::Dtype::u8, {height, width, channels}, coefficient_bytes(decoding));
  const std::size_t stride = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  if (is_cmyk(decoding)) {
    decoding.cmyk.resize(static_cast<std::size_t>(width) * 4);
    if (!read_cmyk_lines(decoding, decoded.bytes.data(), stride, channels)) refuse();
  } else if (!read_lines(decoding, decoded.bytes.data(), stride)) {
    refuse();
  }
}

const ImageDecoderOnShelf registered({"JPEG", decode});

}  // namespace
}  // namespace aeon
