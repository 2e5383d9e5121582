#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// One number, a list of numbers, or a list of rows of numbers.
struct Values {
  std::vector<double> numbers{0.0};
  std::optional<std::int64_t> rows;  ///< of a list of lists, which are equally long
  bool is_list = false;

  static Values from_json(const base::json::value& value, std::string_view where) {
    Values values;
    if (value.is_number()) {
      values.numbers = {base::decode<double>(value, where)};
      return values;
    }
    if (!value.is_array() || value.get_array().empty())
      base::fail_expected("a number, a list of numbers, or a list of such lists", value, where);
    values.is_list = true;
    if (!value.get_array().front().is_array()) {
      values.numbers = base::decode<std::vector<double>>(value, where);
      return values;
    }
    const auto lists = base::decode<std::vector<std::vector<double>>>(value, where);
    values.numbers.clear();
    values.rows = static_cast<std::int64_t>(lists.size());
    for (const std::vector<double>& row : lists) {
      if (row.empty() || row.size() != lists.front().size())
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("the rows must be equally long, got {} and {} numbers", lists.front().size(), row.size()),
            std::string(where));
      values.numbers.insert(values.numbers.end(), row.begin(), row.end());
    }
    return values;
  }

  base::json::value to_json() const {
    if (!is_list) return numbers.front();
    if (!rows) return base::encode(numbers);
    base::json::array lists;
    const auto columns = static_cast<std::ptrdiff_t>(numbers.size()) / *rows;
    for (auto at = numbers.begin(); at != numbers.end(); at += columns)
      lists.push_back(base::encode(std::vector<double>(at, at + columns)));
    return lists;
  }

  static base::json::object schema() {
    const base::json::object number{{"type", "number"}};
    const base::json::object row{{"type", "array"}, {"items", number}};
    return {{"oneOf", base::json::array{number, row, base::json::object{{"type", "array"}, {"items", row}}}}};
  }

  std::string extents() const {
    const auto count = static_cast<std::int64_t>(numbers.size());
    return rows ? fmt::format("{} rows of {} numbers", *rows, count / *rows) : fmt::format("{} numbers", count);
  }
};

class Array final : public Initializer {
 public:
  struct Config {
    Values val;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("val", &Config::val, "the values: one for all, or all of them, row by row"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Array(Config config) : val_(std::move(config.val)) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random&) const override {
    if (!val_.is_list) {
      std::fill(out.begin(), out.end(), static_cast<float>(val_.numbers.front()));
      return;
    }
    if (val_.numbers.size() != out.size() || (val_.rows && *val_.rows != rows))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the initializer Array has {}, but the parameter has {} rows of {}", val_.extents(),
                                    rows, columns));
    std::transform(val_.numbers.begin(), val_.numbers.end(), out.begin(),
                   [](double value) { return static_cast<float>(value); });
  }

 private:
  Values val_;
};

const OnShelf<Initializer, Array> registered(
    "Array", "values that the model file lists",
    R"(As many numbers as the parameter has, in one list row by row, or as a list of rows:

`init: {type: Array, config: {val: [[1, 0, 0], [0, 1, 0]]}}` suits a Linear with `nout: 2` for 3 features.)");

}  // namespace
}  // namespace neon
