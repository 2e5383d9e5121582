#include "tests/fuzz/mutation.h"

#include <algorithm>
#include <array>

namespace fuzz {
namespace {

constexpr std::size_t kLongest = 65536;

struct Piece {
  std::size_t at, size;
};
Piece piece_of(std::string_view bytes, base::Random& random) {
  const std::size_t at = random.below(bytes.size());
  return {at, 1 + random.below(std::min<std::size_t>(bytes.size() - at, 64))};
}

/// Numbers at which sizes, counts and offsets go wrong, in both orders of bytes.
void put_number(std::string& bytes, base::Random& random) {
  constexpr std::array<std::uint64_t, 9> kNumbers{
      0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, std::uint64_t{1} << 40, 0x7fffffffffffffff, 0xffffffffffffffff};
  const std::uint64_t number = kNumbers[random.below(kNumbers.size())];
  const std::size_t size = std::size_t{1} << random.below(4), at = random.below(bytes.size());
  const bool highest_first = random.below(2) == 0;
  for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
    bytes[at + i] = static_cast<char>(number >> 8 * (highest_first ? size - 1 - i : i));
}

void mutate(std::string& bytes, std::string_view other, base::Random& random) {
  if (bytes.empty()) bytes = std::string(other);
  if (bytes.empty()) return;
  const Piece piece = piece_of(bytes, random);
  switch (random.below(7)) {
    case 0: bytes[piece.at] = static_cast<char>(bytes[piece.at] ^ (1 << random.below(8))); break;
    case 1: bytes[piece.at] = static_cast<char>(random.below(256)); break;
    case 2: put_number(bytes, random); break;
    case 3: bytes.erase(piece.at, piece.size); break;
    case 4: {  // the same again, up to a hundred times: nesting, counts
      const std::string again = bytes.substr(piece.at, piece.size);
      for (std::uint64_t i = random.below(100); i > 0 && bytes.size() < kLongest; --i) bytes.insert(piece.at, again);
      break;
    }
    case 5: {
      const std::string moved = bytes.substr(piece.at, piece.size);
      bytes.insert(random.below(bytes.size() + 1), moved);
      break;
    }
    default: {
      if (other.empty()) break;
      const Piece from = piece_of(other, random);
      bytes.insert(piece.at, other.substr(from.at, from.size));
    }
  }
}

}  // namespace

std::string mutated(std::string_view input, std::string_view other, base::Random& random) {
  std::string bytes(input);
  for (std::uint64_t i = 1 + random.below(4); i > 0; --i) mutate(bytes, other, random);
  return bytes;
}

}  // namespace fuzz
