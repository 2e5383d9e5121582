#pragma once
#include "base/fields.h"

// How the texts of the contract look.
namespace api {

using base::TextForm;

// Not digits only, because those read as ids.
inline constexpr TextForm kName{
    .said = "1 to 64 letters, digits, '-', '_' and '.', the first a letter or a digit, and not digits only",
    .shortest = 1,
    .longest = 64,
    .pattern = "([A-Za-z]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*"};
inline constexpr TextForm kUserName{
    .said = "1 to 64 letters, digits, '-', '_', '.' and '@', the first a letter or a digit, and not digits only",
    .shortest = 1,
    .longest = 64,
    .pattern = "([A-Za-z]|[0-9]+[A-Za-z._@-])[A-Za-z0-9._@-]*"};
/// What people call things that need no unique name.
inline constexpr TextForm kTitle{.said = "1 to 200 characters without control characters",
                                 .shortest = 1,
                                 .longest = 200,
                                 .pattern = "[^\\x00-\\x1f\\x7f]*"};
inline constexpr TextForm kLabel{
    .said = "1 to 256 characters without control characters", .shortest = 1, .longest = 256, .pattern = kTitle.pattern};
/// Of something that there is: what is not found is not found, however it looks.
inline constexpr TextForm kReference{.said = "an id or a name", .shortest = 1, .longest = 200};
inline constexpr TextForm kPassword{
    .said = "8 to 200 characters without control characters", .shortest = 8, .longest = 200, .pattern = kTitle.pattern};
/// As it was given to somebody who asks with it: it fits or it does not.
inline constexpr TextForm kAnyPassword{.said = "a password", .shortest = 0, .longest = 1000};
inline constexpr TextForm kSha256{
    .said = "a SHA-256: 64 lower-case hex digits", .shortest = 64, .longest = 64, .pattern = "[0-9a-f]*"};
inline constexpr TextForm kSize{
    .said = "a size like 512MB or 4GiB",
    .shortest = 1,
    .longest = 20,
    .pattern = "[0-9]{1,15}B?|[0-9]{1,9}([.][0-9]{1,6})?(kB|KB|MB|GB|KiB|MiB|GiB)|[0-9]{1,6}([.][0-9]{1,6})?(TB|TiB)"};
inline constexpr TextForm kPageToken{.said = "the next_page_token of the answer before; leave it out to begin anew",
                                     .shortest = 1,
                                     .longest = 18,
                                     .pattern = "[0-9]*"};
inline constexpr TextForm kRole{.said = "train or eval", .shortest = 4, .longest = 5, .pattern = "train|eval"};
inline constexpr TextForm kElementType{.said = "FILE, BINARY, STRING, ASCII_INT or ASCII_FLOAT",
                                       .shortest = 4,
                                       .longest = 11,
                                       .pattern = "FILE|BINARY|STRING|ASCII_INT|ASCII_FLOAT"};
/// The text of a file that comes with the request.
inline constexpr TextForm kFileText{.said = "the text of a file", .shortest = 1, .longest = std::size_t{1} << 20};

}  // namespace api
