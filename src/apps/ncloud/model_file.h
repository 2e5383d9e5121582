#pragma once
#include <string>

#include "records/vocabulary.h"

namespace ncloud {

/// The text of a model file. Errors: invalid_argument for what is none, saying what it is: a checkpoint, a picture,
/// text in another encoding.
///
/// `read` reads the vocabularies that the file names; without it they are files of this machine.
std::string read_model_file(const std::string& file, const records::ReadVocabulary& read = {});

}  // namespace ncloud
