#include "base/fields.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/random.h"

namespace base {
namespace {

enum class Colour { red, dark_green };
constexpr auto enumerators(Colour) {
  return std::array{std::pair{Colour::red, "red"}, std::pair{Colour::dark_green, "dark_green"}};
}

struct Inner {
  int depth = 1;
  static constexpr auto fields() { return std::tuple(field("depth", &Inner::depth, "how deep").range(1, 9)); }
};

struct Outer {
  std::string name;
  double rate = 0.5;
  std::optional<int> count;
  Colour colour = Colour::red;
  std::vector<Inner> parts;
  static constexpr auto fields() {
    return std::tuple(field("name", &Outer::name, "a name").required(),
                      field("rate", &Outer::rate, "per second").positive(),
                      field("count", &Outer::count, "how many").at_least(1), field("colour", &Outer::colour, "of what"),
                      field("parts", &Outer::parts, "in order"));
  }
};

Error error_of(std::string_view text) {
  try {
    decode<Outer>(parse_json(text, "text"));
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error for " << text;
  return Error(Code::internal, "");
}

TEST(Fields, DecodesAndEncodesEveryMember) {
  const Outer outer = decode<Outer>(
      parse_json(R"({"name":"a","rate":2,"count":3.0,"colour":"dark_green","parts":[{"depth":4},{}]})", "text"));
  EXPECT_EQ(outer.name, "a");
  EXPECT_EQ(outer.rate, 2.0);
  EXPECT_EQ(outer.count, 3);
  EXPECT_EQ(outer.colour, Colour::dark_green);
  ASSERT_EQ(outer.parts.size(), 2u);
  EXPECT_EQ(outer.parts[0].depth, 4);
  EXPECT_EQ(to_text(encode(outer)),
            R"({"name":"a","rate":2.0,"count":3,"colour":"dark_green","parts":[{"depth":4},{"depth":1}]})");
}

TEST(Fields, RefusesUnknownKeysWithTheNearestKnown) {
  const Error error = error_of(R"({"name":"a","parts":[{"dept":2}]})");
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_EQ(error.message, "unknown key 'dept'; did you mean 'depth'?");
  EXPECT_EQ(error.where, "/parts/0/dept");
}

TEST(Fields, NamesWhatIsMissingOutOfRangeOrOfTheWrongKind) {
  EXPECT_EQ(error_of("{}").message, "'name' is missing");
  EXPECT_EQ(error_of(R"({"name":"a","rate":0})").message, "rate must be positive, got 0");
  EXPECT_EQ(error_of(R"({"name":"a","parts":[{"depth":10}]})").message,
            "depth must be at least 1 and at most 9, got 10");
  EXPECT_EQ(error_of(R"({"name":"a","count":0})").message, "count must be at least 1, got 0");
  EXPECT_EQ(error_of(R"({"name":7})").message, "name: expected a string, got 7 (a whole number)");
  EXPECT_EQ(error_of(R"({"name":"a","parts":[{},7]})").message,
            "parts/1: expected a mapping of names to values, got 7 (a whole number)");
  EXPECT_EQ(error_of(R"({"name":"a","count":1.5})").message, "count: expected a whole number, got 1.5 (a number)");
  EXPECT_THAT(error_of(R"({"name":"a","count":99999999999})").message, testing::HasSubstr("-2147483648 to 2147483647"));
  EXPECT_EQ(error_of(R"({"name":"a","colour":"reed"})").message, "unknown value 'reed'; did you mean 'red'?");
}

TEST(Fields, SchemaListsTypesDefaultsAndLimits) {
  const json::object outer = schema<Outer>();
  EXPECT_EQ(outer.at("additionalProperties"), json::value(false));
  EXPECT_EQ(outer.at("required"), (json::array{"name"}));
  const json::object& rate = outer.at("properties").at("rate").as_object();
  EXPECT_EQ(rate.at("default"), json::value(0.5));
  EXPECT_EQ(rate.at("exclusiveMinimum"), json::value(0.0));
}

constexpr TextForm kWord{
    .said = "one to three lower-case letters", .shortest = 1, .longest = 3, .pattern = "[^A-Z0-9]*"};

struct Texts {
  std::string word;
  std::string maybe;
  std::optional<std::string> other;
  std::vector<std::string> many;
  std::uint64_t seed = 0;
  static constexpr auto fields() {
    return std::tuple(field("word", &Texts::word, "").like(kWord),
                      field("maybe", &Texts::maybe, "").empty_or_like(kWord),
                      field("other", &Texts::other, "").like(kWord),
                      field("many", &Texts::many, "").like(kWord).items(1, 2), field("seed", &Texts::seed, ""));
  }
};

std::string refused(std::string_view text) {
  try {
    decode<Texts>(parse_json(text, "text"));
  } catch (const Error& error) {
    return fmt::format("{} ({})", error.message, error.where);
  }
  return "";
}

TEST(Fields, HoldTextsToTheirForm) {
  EXPECT_EQ(refused(R"({"word":"abc","maybe":"","other":"a","many":["a","b"]})"), "");
  EXPECT_EQ(refused(R"({"other":null})"), "");
  EXPECT_EQ(refused(R"({"word":""})"), "word: expected one to three lower-case letters, got '' (/word)");
  EXPECT_EQ(refused(R"({"word":"aB"})"), "word: expected one to three lower-case letters, got 'aB' (/word)");
  EXPECT_EQ(refused(R"({"word":"ab7"})"), "word: expected one to three lower-case letters, got 'ab7' (/word)");
  EXPECT_NE(refused(R"({"maybe":"abcd"})"), "");
  EXPECT_NE(refused(R"({"other":""})"), "");
  EXPECT_EQ(refused(R"({"many":["a","7"]})"), "many/1: expected one to three lower-case letters, got '7' (/many/1)");
  EXPECT_EQ(refused(R"({"many":[]})"), "many needs at least 1, got 0 (/many)");
  EXPECT_EQ(refused(R"({"many":["a","b","c"]})"), "many may have at most 2, got 3 (/many)");
  EXPECT_EQ(refused(fmt::format(R"({{"word":"{}"}})", std::string(5000, 'a'))),
            fmt::format("word: expected one to three lower-case letters, got '{}...' of 5000 characters (/word)",
                        std::string(80, 'a')));
}

TEST(Fields, CountCharactersAndNotBytes) {
  EXPECT_EQ(refused(R"({"word":"ééé"})"), "");
  EXPECT_NE(refused(R"({"word":"éééé"})"), "");
}

TEST(Fields, ShowTheFormsThatTheyHold) {
  const json::value properties = schema<Texts>().at("properties");
  EXPECT_EQ(properties.at("word").at("minLength"), json::value(1u));
  EXPECT_EQ(properties.at("word").at("maxLength"), json::value(3u));
  EXPECT_EQ(properties.at("word").at("pattern"), "^([^A-Z0-9]*)$");
  EXPECT_EQ(properties.at("maybe").at("pattern"), "^([^A-Z0-9]*)?$");
  EXPECT_FALSE(properties.at("maybe").as_object().contains("minLength"));
  EXPECT_EQ(properties.at("many").at("items").at("pattern"), "^([^A-Z0-9]*)$");
  EXPECT_EQ(properties.at("many").at("minItems"), json::value(1u));
  EXPECT_EQ(properties.at("many").at("maxItems"), json::value(2u));
  EXPECT_EQ(properties.at("seed").at("minimum"), json::value(0));
}

TEST(Json, ErrorsNameLineAndColumn) {
  try {
    parse_json("{\"a\": 1,\n \"b\" 2}", "request body");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message, testing::HasSubstr("request body is not valid JSON"));
    EXPECT_THAT(error.message, testing::HasSubstr("line 2"));
  }
  EXPECT_THROW(parse_json("", "x"), Error);
  EXPECT_THROW(parse_json("1 2", "x"), Error);
  EXPECT_THROW(parse_json(std::string(100, '[') + std::string(100, ']'), "x"), Error);
}

TEST(Json, NumbersReadBackToTheSameBits) {
  Random random(1, 1);
  for (int i = 0; i < 2000; ++i) {
    const double number = random.normal() * std::pow(10.0, random.uniform(-300, 300));
    EXPECT_EQ(parse_json(to_text(json::array{number}), "number").get_array()[0].to_number<double>(), number);
  }
  EXPECT_EQ(to_text(1.0), "1.0");
}

}  // namespace
}  // namespace base
