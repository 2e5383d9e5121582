#pragma once
#include <string>
#include <vector>

#include "apps/ncloud/session.h"

namespace ncloud {

/// A word that may stand where a person is typing.
struct Candidate {
  std::string word;
  std::string doc;
};

struct Candidates {
  std::vector<Candidate> words;
  bool files = false;  ///< names of files may stand there too
};

/// What may follow. `words` are those of the line after "ncloud"; the last one is being typed and may be empty. Asks
/// the server for numbers and names; gives none when it does not answer at once.
Candidates complete(Session& session, const std::vector<std::string>& words);

}  // namespace ncloud
