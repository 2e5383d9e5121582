#include "records/vocabulary.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"

namespace records {
namespace {

using ::testing::HasSubstr;

TEST(Vocabulary, ComesIntoTheModelFile) {
  const base::TemporaryFolder folder;
  base::write_file_atomically(folder.path() / "words.txt", "<unk>\na\n\"quoted\"\n");
  const auto with = [&](std::string_view yaml) { return with_vocabularies(yaml, folder.path(), "m.yaml"); };
  const std::string list = R"(vocabulary: ["<unk>","a","\"quoted\""])";
  EXPECT_EQ(with("x: 1\n  - {type: text, vocabulary_file: words.txt, max_length: 4}\ny: 2\n"),
            "x: 1\n  - {type: text, " + list + ", max_length: 4}\ny: 2\n");
  EXPECT_EQ(with("vocabulary_file: 'words.txt'  # all of them"), list + "  # all of them");
  EXPECT_EQ(with("- {vocabulary_file: words.txt }"), "- {" + list + "}");
  for (const char* other : {"# vocabulary_file: words.txt\n", "my_vocabulary_file: words.txt\n", "a: b\n\n", ""})
    EXPECT_EQ(with(other), other);
}

TEST(Vocabulary, AMissingFileIsNamedWithItsLine) {
  try {
    with_vocabularies("a: 1\nvocabulary_file: none.txt\n", "/nowhere", "m.yaml");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::not_found);
    EXPECT_THAT(error.message, HasSubstr("(m.yaml:2)"));
  }
}

}  // namespace
}  // namespace records
