#include "records/manifest.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "records/labels.h"

namespace records {
namespace {

using base::Code;
using base::Error;
using ::testing::AllOf;
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
    return element_bytes(manifest, 0, 0, Root(manifest));
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
  const Root root(manifest);
  EXPECT_EQ(element_bytes(manifest, 0, 0, root), "one");
  EXPECT_EQ(element_bytes(manifest, 0, 0, Root(manifest, folder.path() / "other")), "two");
  EXPECT_EQ(element_bytes(manifest, 1, 0, Root(manifest, "/nowhere")), "one");
  EXPECT_THROW(element_bytes(manifest, 2, 0, root), Error);
  try {
    element_bytes(manifest, 3, 0, root);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::not_found);
    EXPECT_THAT(error.message, HasSubstr("b.txt: no such file (t.tsv:5)"));
  }
}

TEST(Element, OnlyFilesAreRead) {
  const base::TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  const Manifest manifest = parse_manifest("@FILE\npipe\n/dev/zero\n.\n", folder.path() / "t.tsv");
  const std::vector<std::string> kinds{"is a named pipe, not a file (t.tsv:2)", "is a device, not a file (t.tsv:3)",
                                       "is a folder, not a file (t.tsv:4)"};
  for (std::int64_t record = 0; record < 3; ++record) try {
      element_bytes(manifest, record, 0, Root(manifest));  // which would wait for ever, or never end
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::invalid_argument);
      EXPECT_THAT(error.message, HasSubstr(kinds[static_cast<std::size_t>(record)]));
    }
}

TEST(Element, TheRootsReachIsKept) {
  const base::TemporaryFolder folder;
  const std::filesystem::path root = folder.path() / "root";
  std::filesystem::create_directories(root / "in");
  base::write_file_atomically(folder.path() / "secret", "secret");
  base::write_file_atomically(folder.path() / "root-and-more", "secret");
  base::write_file_atomically(root / "in/a", "a");
  std::filesystem::create_symlink("in/a", root / "link");
  std::filesystem::create_symlink("../secret", root / "way_out");
  std::filesystem::create_directory_symlink("..", root / "up");
  const Manifest manifest = parse_manifest("@FILE\nin/a\nlink\n" + (root / "in/a").string() +
                                               "\nup/root/in/a\nway_out\n../secret\nup/secret\n" +
                                               (folder.path() / "root-and-more").string() + "\n",
                                           root / "t.tsv");
  const Root bounded(manifest, {}, Reach::root), open(manifest);
  for (std::int64_t record = 0; record < 4; ++record) EXPECT_EQ(element_bytes(manifest, record, 0, bounded), "a");
  for (std::int64_t record = 4; record < manifest.record_count(); ++record) {
    EXPECT_EQ(element_bytes(manifest, record, 0, open), "secret");
    try {
      element_bytes(manifest, record, 0, bounded);
      ADD_FAILURE() << manifest.element(record, 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::invalid_argument);
      EXPECT_THAT(error.message, AllOf(HasSubstr("outside of '" + std::filesystem::canonical(root).string() + "/'"),
                                       HasSubstr("--allow-outside-root"), HasSubstr("(t.tsv:")));
    }
  }
}

TEST(Element, AFileOverTheLimitIsNotRead) {
  const base::TemporaryFolder folder;
  const Manifest manifest = parse_manifest("@FILE\nhuge\n", folder.path() / "t.tsv");
  base::write_file_atomically(folder.path() / "huge", "");
  std::filesystem::resize_file(folder.path() / "huge", std::uintmax_t{1} << 40);  // sparse: it takes no space
  try {
    element_bytes(manifest, 0, 0, Root(manifest));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::too_large);
    EXPECT_THAT(error.message, HasSubstr("has 1099511627776 bytes; the limit is 67108864 (t.tsv:2)"));
  }
}

TEST(Element, NamesOfOtherSystemsGetAHint) {
  EXPECT_THAT(bytes_or_error("FILE", "photos\\a.png"),
              HasSubstr("no such file (t.tsv:2); looked for 'photos\\a.png'; folders are separated by '/'"));
  EXPECT_THAT(bytes_or_error("FILE", "~/a.png"), HasSubstr("'~' stands for no folder here"));
}

TEST(Labels, FilesOfAllSystemsMeanTheSame) {
  const std::vector<std::string> expected{"ankle boot", "B\u00e4r"};
  for (const std::string_view text : {"ankle boot\nB\u00e4r\n", "ankle boot\nB\u00e4r", "ankle boot\r\nB\u00e4r\r\n",
                                      "\xEF\xBB\xBF"
                                      "ankle boot\r\nB\u00e4r\r\n\r\n \n\n"})
    EXPECT_EQ(parse_labels(text, "labels.txt"), expected) << text;
  EXPECT_TRUE(parse_labels("", "labels.txt").empty());
}

TEST(Labels, WhatIsNoListOfNamesIsRefused) {
  const auto message = [](std::string_view text) {
    try {
      parse_labels(text, "labels.txt");
    } catch (const Error& error) {
      return error.message;
    }
    return std::string("no error");
  };
  EXPECT_EQ(message("a\n\nb\n"), "labels.txt:2: a blank line where the name of class 1 should be");
  EXPECT_EQ(message("a\nB\xE4r\n"), "labels.txt:2: byte 0xE4 is not UTF-8; save the file as UTF-8");
  EXPECT_EQ(message({"\xFF\xFE"
                     "a\0\n\0",
                     6}),
            "labels.txt: text in UTF-16; save it as UTF-8");
  EXPECT_EQ(message({"a\n\0b", 4}), "labels.txt:2: a NUL byte; expected text in UTF-8 (is this another kind of file?)");
}

TEST(Manifest, OtherEncodingsAreRefused) {
  EXPECT_THAT(message_of("@FILE\nB\xE4r.png\n"), HasSubstr("train.tsv:2: byte 0xE4 is not UTF-8"));
  EXPECT_THAT(message_of({"\xFF\xFE@\0F\0", 6}), HasSubstr("train.tsv: text in UTF-16; save it as UTF-8"));
}

}  // namespace
}  // namespace records
