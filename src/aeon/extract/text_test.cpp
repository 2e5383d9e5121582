// The types whose elements are text: char_map, label_map and text.
#include <gmock/gmock.h>

#include "aeon/extract/extract_for_test.h"

namespace aeon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

/// The first `count` numbers of a char_map of 100.
Ids characters(std::string_view alphabet, std::string_view text, std::size_t count, int unknown = 0) {
  Extracted map(fmt::format(R"({{"type": "char_map", "max_length": 100, "alphabet": "{}", "unknown_value": {},
                                 "emit_length": true}})",
                            alphabet, unknown));
  map.read(text);
  EXPECT_THAT(map.numbers<std::int32_t>(1), ElementsAre(count));
  Ids numbers = map.numbers<std::int32_t>();
  for (std::size_t i = count; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], 0);
  numbers.resize(count);
  return numbers;
}

// The values of aeon 1.3's own tests.
TEST(CharMap, GivesPlacesInTheAlphabet) {
  EXPECT_EQ(characters("abcdefg ", "cab a dabba", 11), (Ids{2, 0, 1, 7, 0, 7, 3, 0, 1, 1, 0}));
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ .,()ąćŁŻź𐍈✓ß";
  EXPECT_EQ(
      characters(alphabet, "The quick brown fox jumps over the lazy dog. Żołądź 𐍈✓", 54),
      (Ids{19, 7, 4,  26, 16, 20, 8, 2,  10, 26, 1,  17, 14, 22, 13, 26, 5,  14, 23, 26, 9,  20, 12, 15, 18, 26, 14,
           21, 4, 17, 26, 19, 7,  4, 26, 11, 0,  25, 24, 26, 3,  14, 6,  27, 26, 34, 14, 33, 31, 3,  35, 26, 36, 37}));
  EXPECT_EQ(characters(alphabet, "The0:3 ☭q!uick brown", 20, 255),
            (Ids{19, 7, 4, 255, 255, 255, 26, 255, 16, 255, 20, 8, 2, 10, 26, 1, 17, 14, 22, 13}));
}

TEST(CharMap, LeavesOutWhatItDoesNotKnowAndCountsTheRest) {
  EXPECT_EQ(characters("abc", "a-b-c!", 3), (Ids{0, 1, 2}));
  Extracted cut(R"({"type": "char_map", "max_length": 2, "alphabet": "abc", "emit_length": true})");
  EXPECT_THAT(cut.read("cbacba").numbers<std::int32_t>(), ElementsAre(2, 1));
  EXPECT_THAT(cut.numbers<std::int32_t>(1), ElementsAre(2));
  EXPECT_EQ(cut.tensors()[1].column.name, "char_map_length");
  EXPECT_THAT(cut.extractor().class_names(), ElementsAre("a", "b", "c"));
}

TEST(CharMap, RefusesAlphabetsThatAreNone) {
  EXPECT_THAT(refusal(R"({"type": "char_map", "max_length": 4, "alphabet": "abcccc "})"),
              HasSubstr("/alphabet: alphabet has 'c' twice"));
  EXPECT_THAT(refusal(R"({"type": "char_map", "max_length": 4, "alphabet": "aA"})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"type": "char_map", "max_length": 4, "alphabet": "abc", "unknown_value": 2})"),
              HasSubstr("at least 3"));
  EXPECT_THAT(refusal(R"({"type": "char_map", "max_length": 4, "alphabet": "abc"})", "a\xFF"),
              HasSubstr("not UTF-8 text: byte 1"));
}

constexpr std::string_view kNames =
    R"(["a","and","the","quick","fox","cow","dog","blue","black","brown","happy","lazy","skip","jumped","run","under",
        "over","around"])";

TEST(LabelMap, GivesTheIndicesOfNames) {
  Extracted map(
      fmt::format(R"({{"type": "label_map", "class_names": {}, "max_classes": 12, "emit_length": true}})", kNames));
  EXPECT_THAT(map.read("the quick brown fox jumped over the lazy dog").numbers<std::int32_t>(),
              ElementsAre(2, 3, 9, 4, 13, 16, 2, 11, 6, 0, 0, 0));
  EXPECT_THAT(map.numbers<std::int32_t>(1), ElementsAre(9));
  EXPECT_THAT(refusal(fmt::format(R"({{"type": "label_map", "class_names": {}}})", kNames), "the quik fox"),
              HasSubstr("unknown class 'quik'; did you mean 'quick'?"));
  EXPECT_THAT(refusal(R"({"type": "label_map", "class_names": ["a", "b", "a"]})"), HasSubstr("each different"));
}

TEST(LabelMap, GivesANumberForEachClass) {
  Extracted map(R"({"type": "label_map", "class_names": ["cat", "dog", "bird"], "multi_hot": true})");
  EXPECT_EQ(map.tensors()[0].column.dtype, tensor::Dtype::f32);
  EXPECT_THAT(map.read("bird cat").numbers<float>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(map.read("").numbers<float>(), ElementsAre(0, 0, 0));
}

constexpr std::string_view kWords = R"("vocabulary": ["<pad>", "<unk>", "<s>", "</s>", "a", "cat", "sat", "."])";

std::string text(std::string_view more, int length = 6) {
  return fmt::format(R"({{"type": "text", "max_length": {}, {}, {}}})", length, kWords, more);
}

TEST(Text, WordsAndMarksBecomeNumbers) {
  Extracted words(text(R"("unknown": "<unk>", "lower_case": true, "emit_length": true, "emit_mask": true)"));
  EXPECT_THAT(words.read("A cat  sat\nthere.").numbers<std::int32_t>(), ElementsAre(4, 5, 6, 1, 7, 0));
  EXPECT_THAT(words.numbers<std::int32_t>(1), ElementsAre(5));
  EXPECT_THAT(words.numbers<float>(2), ElementsAre(1, 1, 1, 1, 1, 0));
  EXPECT_EQ(words.tensors()[2].role, Role::target);
  EXPECT_THAT(words.read("").numbers<std::int32_t>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(words.numbers<std::int32_t>(1), ElementsAre(0));
  EXPECT_THAT(refusal(text(R"("lower_case": false)"), "A"), HasSubstr("the vocabulary has no word 'A'"));
}

TEST(Text, BeginsAndEnds) {
  const std::string marks = R"("start": "<s>", "end": "</s>", "padding": "<pad>")";
  EXPECT_THAT(Extracted(text(marks)).read("a cat").numbers<std::int32_t>(), ElementsAre(2, 4, 5, 3, 0, 0));
  EXPECT_THAT(Extracted(text(marks, 3)).read("a cat sat").numbers<std::int32_t>(), ElementsAre(2, 4, 5));
  EXPECT_THAT(Extracted(text(marks + R"(, "align": "end")")).read("a cat").numbers<std::int32_t>(),
              ElementsAre(0, 0, 2, 4, 5, 3));
  EXPECT_THAT(Extracted(text(marks + R"(, "align": "end")", 3)).read("a cat sat").numbers<std::int32_t>(),
              ElementsAre(5, 6, 3));
  EXPECT_THAT(refusal(text(R"("start": "<go>")")), HasSubstr("/start: start is '<go>', which the vocabulary has not"));
}

TEST(Text, GivesTheNextTokens) {
  Extracted next(text(R"("next": true, "emit_length": true, "emit_mask": true)", 3));
  EXPECT_THAT(next.read("a cat sat . a").numbers<std::int32_t>(), ElementsAre(4, 5, 6));
  EXPECT_THAT(next.numbers<std::int32_t>(2), ElementsAre(5, 6, 7));
  EXPECT_THAT(next.read("a cat").numbers<std::int32_t>(), ElementsAre(4, 5, 0));
  EXPECT_THAT(next.numbers<std::int32_t>(1), ElementsAre(1));
  EXPECT_THAT(next.numbers<std::int32_t>(2), ElementsAre(5, 0, 0));
  EXPECT_THAT(next.numbers<float>(3), ElementsAre(1, 0, 0));
}

TEST(Text, CharactersAndOneHot) {
  Extracted letters(
      R"({"type": "text", "max_length": 3, "tokens": "characters", "alphabet": "ab\n", "one_hot": true})");
  EXPECT_EQ(letters.tensors()[0].column.shape, (tensor::Shape{3, 3}));
  EXPECT_THAT(letters.read("b\na").numbers<float>(), ElementsAre(0, 0, 1, 1, 0, 0, 0, 1, 0));
  EXPECT_THAT(letters.extractor().class_names(), ElementsAre("a", "b", "\n"));
  for (const char* text : {"ba", "ba\n", "ba\r\n"}) {
    Extracted line(R"({"type": "text", "max_length": 2, "tokens": "characters", "alphabet": "ab"})");
    EXPECT_THAT(line.read(text).numbers<std::int32_t>(), ElementsAre(1, 0)) << text;
  }
  EXPECT_THAT(refusal(R"({"type": "text", "max_length": 3, "alphabet": "ab"})"), HasSubstr("for tokens: characters"));
  EXPECT_THAT(refusal(R"({"type": "text", "max_length": 3})"),
              HasSubstr("either vocabulary, a list of tokens, or alphabet"));
  EXPECT_THAT(refusal(R"({"type": "text", "max_length": 3, "vocabulary": ["a", "a"]})"), HasSubstr("'a' twice"));
}

TEST(Text, IsWrittenAsItIsRead) {
  Extracted words(fmt::format(
      R"({{"type": "text", "max_length": 3, {}, "unknown": "<unk>", "start": "<s>", "end": "</s>", "lower_case": true}})",
      kWords));
  const TextCoding* coding = words.extractor().coding();
  ASSERT_NE(coding, nullptr);
  EXPECT_THAT(coding->tokens_of("A cat  sat. Then a cat sat"), ElementsAre(2, 4, 5, 6, 7, 1, 4, 5, 6));
  EXPECT_THAT(coding->tokens_of(""), ElementsAre(2));
  EXPECT_EQ(coding->end(), 3);
  const Ids written{4, 5, 6, 7};
  EXPECT_EQ(coding->text_of(written), "a cat sat .");
  EXPECT_EQ(coding->text_of({}), "");
  Extracted characters(R"({"type": "text", "max_length": 3, "tokens": "characters", "alphabet": "ab ß"})");
  EXPECT_EQ(characters.extractor().coding()->end(), std::nullopt);
  EXPECT_THAT(characters.extractor().coding()->tokens_of("ß ab"), ElementsAre(3, 2, 0, 1));
  EXPECT_EQ(characters.extractor().coding()->text_of(Ids{3, 2, 0, 1}), "ß ab");
  EXPECT_EQ(Extracted(R"({"type": "label"})").extractor().coding(), nullptr);
}

}  // namespace
}  // namespace aeon
