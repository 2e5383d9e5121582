#pragma once
#include <string>

namespace ncloud {

/// The text of a model file. Errors: invalid_argument for what is none, saying what it is: a checkpoint, a picture,
/// text in another encoding.
std::string read_model_file(const std::string& file);

}  // namespace ncloud
