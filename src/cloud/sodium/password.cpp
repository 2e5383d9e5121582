#include "cloud/sodium/password.h"

#include <sodium.h>

#include "base/error.h"

namespace cloud {

std::string hash_of_password(std::string_view password) {
  if (::sodium_init() < 0) throw base::Error(base::Code::internal, "libsodium does not start");
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  if (::crypto_pwhash_str(hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
    throw base::Error(base::Code::unavailable, "no memory to hash a password; try again");
  hash.resize(hash.find('\0'));
  return hash;
}

bool is_password_of(const std::string& hash, std::string_view password) {
  if (::sodium_init() < 0) throw base::Error(base::Code::internal, "libsodium does not start");
  return ::crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

const std::string& hash_of_nobody() {
  static const std::string hash = [] {
    std::string nobody(32, '\0');
    ::randombytes_buf(nobody.data(), nobody.size());
    return hash_of_password(nobody);
  }();
  return hash;
}

std::string new_password() {
  if (::sodium_init() < 0) throw base::Error(base::Code::internal, "libsodium does not start");
  constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::string password;
  for (int i = 0; i < 20; ++i) {
    if (i > 0 && i % 4 == 0) password += '-';
    password += kLetters[::randombytes_uniform(static_cast<std::uint32_t>(kLetters.size()))];
  }
  return password;
}

}  // namespace cloud
