#include "records/first_look.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace records {
namespace {

using ::testing::HasSubstr;

// What a first look at the only record of a manifest says, or "good".
std::string look(std::string_view types, std::string_view line, std::vector<std::string> elements, std::size_t labels) {
  const Manifest manifest = parse_manifest("@" + std::string(types) + "\n" + std::string(line) + "\n", "t.tsv");
  try {
    FirstLook(manifest, labels).check(manifest, 0, elements);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::Code::invalid_argument);
    return error.message;
  }
  return "good";
}

TEST(FirstLook, FilesCalledImagesMustBeginAsOne) {
  const std::string png("\x89PNG\r\n\x1A\n and more"), jpeg("\xFF\xD8\xFF and more");
  for (const char* name : {"a.png", "a.jpg", "b/A.JPEG"}) {
    EXPECT_EQ(look("FILE", name, {png}, 0), "good");  // the name's ending does not say which
    EXPECT_EQ(look("FILE", name, {jpeg}, 0), "good");
    EXPECT_EQ(look("FILE", name, {"<html>"}, 0),
              std::string(name) + " (t.tsv:2): not an image: neither PNG, JPEG, WebP, GIF, BMP nor TIFF");
    EXPECT_EQ(look("FILE", name, {""}, 0), std::string(name) + " (t.tsv:2): an image of 0 bytes");
  }
  EXPECT_EQ(look("FILE", "a.txt", {"<html>"}, 0), "good");
}

TEST(FirstLook, LabelsMustFitTheirNames) {
  const std::string three("\3\0\0\0", 4);
  EXPECT_EQ(look("FILE\tSTRING", "a.txt\t2", {"", "2"}, 3), "good");
  EXPECT_EQ(look("FILE\tSTRING", "a.txt\t3", {"", "3"}, 3),
            "a.txt (t.tsv:2): label 3 is out of range: there are 3 classes, counted from 0, so the highest is 2");
  EXPECT_THAT(look("FILE\tSTRING", "a.txt\t-1", {"", "-1"}, 3), HasSubstr("label -1 is out of range"));
  EXPECT_THAT(look("FILE\tSTRING", "a.txt\tcat", {"", "cat"}, 3), HasSubstr("a whole number from 0, got 'cat'"));
  EXPECT_THAT(look("FILE\tASCII_INT", "a.txt\t3", {"", three}, 3), HasSubstr("label 3 is out of range"));
  EXPECT_EQ(look("FILE\tSTRING", "a.txt\tcat", {"", "cat"}, 0), "good");  // no names, no promise
  EXPECT_EQ(look("STRING\tSTRING", "cat\t7", {"cat", "7"}, 3), "good");   // which of them is the label?
}

}  // namespace
}  // namespace records
