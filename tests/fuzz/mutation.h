#pragma once
// Inputs made of others, the same ones in every run: what a fuzzer without a compiler's help can do.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace fuzz {

/// Calls `feed` with the input cut off at every byte, and with every byte changed in a few ways. Of inputs over 2 KiB
/// at some 2000 places.
template <class Feed>
void for_each_damage(std::string_view input, const Feed& feed) {
  const std::size_t step = input.size() / 2048 + 1;
  for (std::size_t at = 0; at < input.size(); at += step) {
    feed(std::string(input.substr(0, at)));  // a copy, so that a sanitizer sees its end
    for (const unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string changed(input);
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
      feed(changed);
    }
  }
}

/// `input` with one to four of these done to it: bits flipped, numbers made huge, pieces repeated, removed, moved, or
/// taken from `other`.
std::string mutated(std::string_view input, std::string_view other, base::Random& random);

}  // namespace fuzz
