#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ncloud {

/// What people who come from kubectl, docker, gh and other clients probably mean by words that are no command here: the
/// whole line to type, without "ncloud". Empty when nothing is near. `words` are all words of the line.
std::string meant_by(const std::vector<std::string>& words);

/// Where an option belongs that people look for here: "it belongs into the model file: ...". Empty when unknown.
std::string_view place_of_option(std::string_view flag);

}  // namespace ncloud
