#include "records/manifest.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/error.h"
#include "base/files.h"

namespace records {
namespace {

using base::Code;
using base::Error;
using ::testing::HasSubstr;

std::string message_of(std::string_view text) {
  try {
    parse_manifest(text, "data/train.tsv");
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::invalid_argument);
    return error.message;
  }
  return "no error";
}

TEST(Manifest, ReadsRecordsAndKeepsLineNumbers) {
  const Manifest manifest = parse_manifest("# a comment\n\n@FILE\tSTRING\nb a.png\t3\n#x\nc.png\t\n", "train.tsv");
  ASSERT_EQ(manifest.record_count(), 2);
  EXPECT_EQ(manifest.types, (std::vector{ElementType::FILE, ElementType::STRING}));
  EXPECT_EQ(manifest.element(0, 0), "b a.png");
  EXPECT_EQ(manifest.element(1, 1), "");
  EXPECT_EQ(manifest.line_numbers, (std::vector<std::int64_t>{4, 6}));
  EXPECT_EQ(record_name(manifest, 1), "c.png (train.tsv:6)");
}

TEST(Manifest, AcceptsCarriageReturnsAByteOrderMarkAndNoFinalNewline) {
  const Manifest manifest = parse_manifest("\xEF\xBB\xBF@FILE\tASCII_INT\r\na\t1\r\n\r\nb\t2", "t");
  ASSERT_EQ(manifest.record_count(), 2);
  EXPECT_EQ(manifest.types[1], ElementType::ASCII_INT);
  EXPECT_EQ(manifest.element(0, 1), "1");
  EXPECT_EQ(manifest.element(1, 1), "2");
}

TEST(Manifest, ErrorsNameFileLineAndBothNumbers) {
  EXPECT_EQ(message_of("@FILE\tSTRING\na\t1\nb\n"),
            "data/train.tsv:3: expected 2 columns separated by tabs as in the header on line 1, got 1: 'b'");
  EXPECT_THAT(message_of("@FILE\tSTRING\na\t1\t\n"), HasSubstr("train.tsv:2: expected 2 columns"));
  EXPECT_THAT(message_of("@FILE\tSTRNG\n"),
              HasSubstr("train.tsv:1: unknown column type 'STRNG'; did you mean 'STRING'?"));
  EXPECT_THAT(message_of("@FILE \n"), HasSubstr("unknown column type 'FILE '"));
  EXPECT_THAT(message_of("a.png,3\n"), HasSubstr("train.tsv:1: expected a header line"));
  EXPECT_THAT(message_of("@FILE\na\n@FILE\n"), HasSubstr("train.tsv:3: a second header line; the first is on line 1"));
  EXPECT_THAT(message_of(""), HasSubstr("the manifest is empty"));
  EXPECT_THAT(message_of("# only\n"), HasSubstr("no header line"));
  EXPECT_THAT(message_of("@FILE\n"), HasSubstr("no records"));
  EXPECT_THAT(message_of(std::string_view("@FILE\na\0b\n", 10)), HasSubstr("train.tsv:2: a NUL byte"));
}

TEST(Manifest, AMissingManifestIsNotFound) {
  try {
    read_manifest("/nowhere/train.tsv");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::not_found);
    EXPECT_THAT(error.message, HasSubstr("/nowhere/train.tsv"));
  }
}

// The bytes of the only element of a manifest with one column, or the error's message.
std::string bytes_or_error(std::string_view type, std::string_view element) {
  const Manifest manifest = parse_manifest("@" + std::string(type) + "\n" + std::string(element) + "\n", "t.tsv");
  try {
    return element_bytes(manifest, 0, 0, {});
  } catch (const Error& error) {
    return error.message;
  }
}

TEST(Element, Base64) {
  EXPECT_EQ(bytes_or_error("BINARY", "YW55IGNhcm5hbCBwbGVhc3VyZS4="), "any carnal pleasure.");
  for (const char* text : {"YW55IGNhcm5hbCBwbGVhc3VyZQ==", "YW55IGNhcm5hbCBwbGVhc3VyZQ=", "YW55IGNhcm5hbCBwbGVhc3VyZQ"})
    EXPECT_EQ(bytes_or_error("BINARY", text), "any carnal pleasure");
  EXPECT_EQ(bytes_or_error("BINARY", "YW55IGNhcm5hbCBwbGVhc3Vy"), "any carnal pleasur");
  EXPECT_EQ(bytes_or_error("BINARY", "YW55IGNhcm5hbCBwbGVhc3U="), "any carnal pleasu");
  EXPECT_EQ(bytes_or_error("BINARY", "YW55*GNh"), "t.tsv:2: column 1 (BINARY): not base64: character 5 is '*'");
  for (const char* text : {"YW55I", "YW55=", "YW5=5", "YW==YW==", "YW5===", "YX=="})
    EXPECT_THAT(bytes_or_error("BINARY", text), HasSubstr("not base64")) << text;
}

TEST(Element, NumbersAreStrict) {
  EXPECT_EQ(bytes_or_error("ASCII_INT", "-2"), std::string("\xFE\xFF\xFF\xFF", 4));
  EXPECT_EQ(bytes_or_error("ASCII_FLOAT", "1.5e0"), std::string("\0\0\xC0\x3F", 4));
  for (const char* text : {"12abc", " 1", "1 ", "1.5", "2147483648", "+1", "x"})
    EXPECT_THAT(bytes_or_error("ASCII_INT", text), HasSubstr("t.tsv:2: column 1 (ASCII_INT): expected a whole number"))
        << text;
  for (const char* text : {"1.5x", "nan", "inf", "1e99", "-"})
    EXPECT_THAT(bytes_or_error("ASCII_FLOAT", text), HasSubstr("expected a number, got '")) << text;
}

TEST(Element, FilesStartAtTheManifestOrTheRoot) {
  const base::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "other");
  base::write_file_atomically(folder.path() / "a.txt", "one");
  base::write_file_atomically(folder.path() / "other/a.txt", "two");
  const Manifest manifest = parse_manifest("@FILE\na.txt\n" + (folder.path() / "a.txt").string() + "\nother\nb.txt\n",
                                           folder.path() / "t.tsv");
  EXPECT_EQ(element_bytes(manifest, 0, 0, {}), "one");
  EXPECT_EQ(element_bytes(manifest, 0, 0, folder.path() / "other"), "two");
  EXPECT_EQ(element_bytes(manifest, 1, 0, "/nowhere"), "one");
  EXPECT_THROW(element_bytes(manifest, 2, 0, {}), Error);
  try {
    element_bytes(manifest, 3, 0, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::not_found);
    EXPECT_THAT(error.message, HasSubstr("b.txt: no such file (t.tsv:5)"));
  }
}

}  // namespace
}  // namespace records
