#include <fmt/format.h>
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>

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
  int channels = 0;
  Decoded* decoded = nullptr;
  char error[160] = "";
  png_uint_32 width = 0, height = 0;

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

// False with decoding.error set when it fails. Holds nothing that has a destructor.
bool read_header(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_structp png = decoding.png;
  png_set_read_fn(png, &decoding, on_read);
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);  // ours are checked below, with a better message
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kSkippedChunks, sizeof kSkippedChunks / 5);
  png_read_info(png, decoding.info);
  int depth = 0, color = 0;
  png_get_IHDR(png, decoding.info, &decoding.width, &decoding.height, &depth, &color, nullptr, nullptr, nullptr);
  if (depth == 16) png_set_strip_16(png);  // the upper eight bits, as aeon
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_alpha(png);
  const bool has_color = (color & PNG_COLOR_MASK_COLOR) != 0;
  if (decoding.channels == 3) {
    if (!has_color) png_set_gray_to_rgb(png);
    png_set_bgr(png);
  } else if (has_color) {
    png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, 29900, 58700);  // as aeon: 0.299 r + 0.587 g + 0.114 b
  }
  return true;
}

bool read_pixels(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_structp png = decoding.png;
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, decoding.info);
  const std::size_t row_bytes = std::size_t{decoding.width} * static_cast<std::size_t>(decoding.channels);
  if (png_get_rowbytes(png, decoding.info) != row_bytes) png_error(png, "its pixels have an unknown layout");
  for (int pass = 0; pass < passes; ++pass)
    for (png_uint_32 y = 0; y < decoding.height; ++y)
      png_read_row(png, decoding.decoded->bytes.data() + y * row_bytes, nullptr);
  png_read_end(png, nullptr);
  return true;
}

void decode(std::string_view bytes, int channels, Decoded& decoded) {
  thread_local Pool pool;
  pool.restart();
  Decoding decoding;
  decoding.next = reinterpret_cast<const unsigned char*>(bytes.data());
  decoding.left = bytes.size();
  decoding.channels = channels;
  decoding.decoded = &decoded;
  decoding.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoding, on_error, on_warning, &pool, on_allocate, on_free);
  if (decoding.png != nullptr) decoding.info = png_create_info_struct(decoding.png);
  if (decoding.info == nullptr) throw base::Error(base::Code::unavailable, "no memory to decode it");
  const auto refuse = [&] { throw base::Error(base::Code::invalid_argument, decoding.error); };
  if (!read_header(decoding)) refuse();
  check_image_size(decoding.width, decoding.height);
  decoded.allot(tensor::Dtype::u8, {decoding.height, decoding.width, channels});
  if (!read_pixels(decoding)) refuse();
}

const ImageDecoderOnShelf registered({"PNG", {"\x89PNG\r\n\x1A\n", 8}, decode});

}  // namespace
}  // namespace aeon
