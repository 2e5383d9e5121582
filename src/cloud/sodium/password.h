#pragma once
#include <string>
#include <string_view>

namespace cloud {

/// What the store keeps of a password: Argon2id (RFC 9106), 64 MiB and two passes, in the PHC text format. Takes some
/// tenths of a second of one CPU. Errors: unavailable when there is no memory for it.
std::string hash_of_password(std::string_view password);

/// Whether the password is the one of the hash. Takes as long as hash_of_password().
bool is_password_of(const std::string& hash, std::string_view password);

/// A hash that no password has, to spend as long on a user that there is none of.
const std::string& hash_of_nobody();

/// A password for somebody to start with: five groups of four letters and digits that are not taken for others.
std::string new_password();

}  // namespace cloud
