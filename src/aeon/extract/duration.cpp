#include "aeon/extract/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/fields.h"
#include "base/log.h"

namespace aeon {

using base::Code;
using base::Error;

std::int64_t Duration::samples(std::int64_t sample_rate) const {
  const auto rate = static_cast<double>(sample_rate);
  const double all = unit == Unit::samples ? count : unit == Unit::seconds ? count * rate : count * rate / 1000;
  // 25 ms of 16,000 Hz are 400 samples, whatever the last bit of the product says.
  return static_cast<std::int64_t>(std::floor(all + 1e-6));
}

Duration Duration::from_json(const base::json::value& value, std::string_view where) {
  Duration duration;
  duration.text = base::decode<std::string>(value, where);
  const char* end = duration.text.data() + duration.text.size();
  const auto [rest, error] = std::from_chars(duration.text.data(), end, duration.count);
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.ends_with('s')) unit.remove_suffix(1);
  const bool known = unit == "second" || unit == "millisecond" || unit == "sample";
  if (error != std::errc() || !known || !(duration.count > 0) || duration.count > 1e9)
    throw Error(
        Code::invalid_argument,
        fmt::format("expected a length of time such as '2 seconds', '25 milliseconds' or '400 samples', got '{}'",
                    base::printable(duration.text, 80)),
        std::string(where));
  duration.unit = unit == "second" ? Unit::seconds : unit == "sample" ? Unit::samples : Unit::milliseconds;
  return duration;
}

base::json::value Duration::to_json() const { return base::json::string(text); }

base::json::object Duration::schema() {
  return {{"type", "string"}, {"pattern", "^[0-9.]+ *(second|millisecond|sample)s?$"}};
}

}  // namespace aeon
