#include <fmt/format.h>
#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <vector>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {
namespace {

// libpng and zlib ask for some 60 KB in a dozen pieces for every image. They get them from a block that the thread
// keeps, one after another; all of it is free again when the next image begins. Larger pieces come from the heap.
class Pool {
 public:
  void restart() { used_ = 0; }
  void* take(std::size_t bytes) {
    bytes = (bytes + 15) / 16 * 16;
    if (bytes > kBytes - used_) return std::malloc(bytes);
    void* piece = block_.get() + used_;
    used_ += bytes;
    return piece;
  }
  void give_back(void* piece) {
    const auto* byte = static_cast<const std::byte*>(piece);
    if (byte < block_.get() || byte >= block_.get() + kBytes) std::free(piece);
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{256} << 10;
  // malloc'ed memory is aligned to 16 bytes, and so are all pieces.
  struct Free {
    void operator()(std::byte* block) const { std::free(block); }
  };
  std::unique_ptr<std::byte, Free> block_{static_cast<std::byte*>(std::malloc(kBytes))};
  std::size_t used_ = block_ ? 0 : kBytes;
};

// What one decoding needs. libpng leaves by longjmp, which runs no destructors, so everything that owns something lives
// here, outside the frames that are left.
struct Decoding {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const unsigned char* next = nullptr;
  std::size_t left = 0;
  int channels = 0, passes = 0;
  char error[160] = "";
  png_uint_32 width = 0, height = 0;
  std::size_t row_bytes = 0;

  ~Decoding() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto& decoding = *static_cast<Decoding*>(png_get_error_ptr(png));
  std::strncpy(decoding.error, message, sizeof decoding.error - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t count) {
  auto& decoding = *static_cast<Decoding*>(png_get_io_ptr(png));
  if (count > decoding.left) png_error(png, "the file is cut off");
  std::memcpy(to, decoding.next, count);
  decoding.next += count;
  decoding.left -= count;
}

png_voidp on_allocate(png_structp png, png_alloc_size_t bytes) {
  return static_cast<Pool*>(png_get_mem_ptr(png))->take(bytes);
}
void on_free(png_structp png, png_voidp piece) { static_cast<Pool*>(png_get_mem_ptr(png))->give_back(piece); }

// Chunks that say nothing about the pixels we want: skipped (their checksums too), as compressed ones may unpack to
// much.
constexpr unsigned char kSkippedChunks[] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";

// 8-bit pixels of decoding.channels.
void in_8_bits(Decoding& decoding, int depth, int colour) {
  png_structp png = decoding.png;
  if (depth == 16) png_set_strip_16(png);  // the upper eight bits, as aeon
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_alpha(png);
  const bool has_colour = (colour & PNG_COLOR_MASK_COLOR) != 0;
  if (decoding.channels == 3) {
    if (!has_colour) png_set_gray_to_rgb(png);
    png_set_bgr(png);
  } else if (has_colour) {
    png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, 29900, 58700);  // as aeon: 0.299 r + 0.587 g + 0.114 b
  }
}

// One byte or two for each number, a palette's places as they stand; blue first.
void as_they_are(Decoding& decoding, int, int) {
  png_set_packing(decoding.png);
  png_set_strip_alpha(decoding.png);
  png_set_bgr(decoding.png);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(decoding.png);
}

// These three are false with decoding.error set when they fail, and hold nothing that has a destructor.
bool read_header(Decoding& decoding, void (*set_up)(Decoding& decoding, int depth, int colour)) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_structp png = decoding.png;
  png_set_read_fn(png, &decoding, on_read);
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);  // ours are checked below, with a better message
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kSkippedChunks, sizeof kSkippedChunks / 5);
  png_read_info(png, decoding.info);
  int depth = 0, colour = 0;
  png_get_IHDR(png, decoding.info, &decoding.width, &decoding.height, &depth, &colour, nullptr, nullptr, nullptr);
  set_up(decoding, depth, colour);
  return true;
}

bool measure_rows(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  decoding.passes = png_set_interlace_handling(decoding.png);
  png_read_update_info(decoding.png, decoding.info);
  decoding.row_bytes = png_get_rowbytes(decoding.png, decoding.info);
  return true;
}

bool read_rows(Decoding& decoding, png_byte* to) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  for (int pass = 0; pass < decoding.passes; ++pass)
    for (png_uint_32 y = 0; y < decoding.height; ++y) png_read_row(decoding.png, to + y * decoding.row_bytes, nullptr);
  png_read_end(decoding.png, nullptr);
  return true;
}

[[noreturn]] void refuse(const Decoding& decoding) { throw base::Error(base::Code::invalid_argument, decoding.error); }

// Reads the header of `bytes`; `set_up` says what libpng makes of the pixels.
void open(Decoding& decoding, std::string_view bytes, void (*set_up)(Decoding& decoding, int depth, int colour)) {
  thread_local Pool pool;
  pool.restart();
  decoding.next = reinterpret_cast<const unsigned char*>(bytes.data());
  decoding.left = bytes.size();
  decoding.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoding, on_error, on_warning, &pool, on_allocate, on_free);
  if (decoding.png != nullptr) decoding.info = png_create_info_struct(decoding.png);
  if (decoding.info == nullptr) throw base::Error(base::Code::unavailable, "no memory to decode it");
  if (!read_header(decoding, set_up)) refuse(decoding);
  check_image_size(decoding.width, decoding.height);
  if (!measure_rows(decoding)) refuse(decoding);
}

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  Decoding decoding;
  decoding.channels = channels;
  open(decoding, bytes, in_8_bits);
  decoded.allot(tensor::Dtype::u8, {decoding.height, decoding.width, channels});
  if (decoding.row_bytes != std::size_t{decoding.width} * static_cast<std::size_t>(channels))
    throw base::Error(base::Code::invalid_argument, "its pixels have an unknown layout");
  if (!read_rows(decoding, decoded.bytes.data())) refuse(decoding);
}

void decode_numbers(std::string_view bytes, Decoded& decoded) {
  Decoding decoding;
  open(decoding, bytes, as_they_are);
  const std::size_t all = decoding.row_bytes * decoding.height;
  decoded.allot(tensor::Dtype::i32, {decoding.height, decoding.width, 1}, static_cast<std::int64_t>(all));
  std::vector<png_byte> rows(all);
  if (!read_rows(decoding, rows.data())) refuse(decoding);
  const bool wide = png_get_bit_depth(decoding.png, decoding.info) == 16;
  const std::size_t step = decoding.row_bytes / decoding.width;  // bytes of a pixel
  const png_byte* from = rows.data();
  for (std::int32_t& number : decoded.as<std::int32_t>()) {
    std::uint16_t value = *from;
    if (wide) std::memcpy(&value, from, sizeof value);
    number = value;
    from += step;
  }
}

const ImageDecoderOnShelf registered({"PNG", decode, decode_numbers});

}  // namespace
}  // namespace aeon
