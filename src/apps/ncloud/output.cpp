#include "apps/ncloud/output.h"

#include <locale.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/log.h"

namespace ncloud {
namespace {

namespace json = base::json;

// ---- YAML ----

bool is_plain_yaml(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.";
  if (kSafe.find(text.front()) == std::string_view::npos || text.front() == '.') return false;
  for (const char c : text)
    if (kSafe.find(c) == std::string_view::npos &&
        std::string_view("0123456789- +@()").find(c) == std::string_view::npos)
      return false;
  for (const std::string_view word :
       {"true", "false", "null", "yes",  "no",    "on",   "off", "y",  "n",  "True", "False", "Null", "Yes",
        "No",   "On",    "Off",  "TRUE", "FALSE", "NULL", "YES", "NO", "ON", "OFF",  "Y",     "N"})
    if (text == word) return false;
  return true;
}

void write_yaml(std::string& out, const json::value& value, int depth, bool after_dash);

std::string yaml_scalar(const json::value& value) {
  if (value.is_string() && is_plain_yaml(value.get_string())) return std::string(value.get_string());
  return base::to_text(value);  // JSON is YAML
}

void write_yaml_member(std::string& out, const json::value& value, int depth) {
  const bool nested =
      (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  if (!nested) {
    out += " " + yaml_scalar(value) + "\n";
    return;
  }
  out += "\n";
  write_yaml(out, value, depth, false);
}

void write_yaml(std::string& out, const json::value& value, int depth, bool after_dash) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  if (value.is_object() && !value.get_object().empty()) {
    bool first = after_dash;
    for (const auto& member : value.get_object()) {
      out += (first ? "" : indent) + yaml_scalar(json::value(member.key())) + ":";
      first = false;
      write_yaml_member(out, member.value(), depth + 1);
    }
  } else if (value.is_array() && !value.get_array().empty()) {
    for (const json::value& item : value.get_array()) {
      out += indent + "- ";
      const bool nested_list = item.is_array() && !item.get_array().empty();
      if (nested_list) out += "\n";
      write_yaml(out, item, depth + 1, !nested_list);
    }
  } else {
    out += (after_dash ? "" : indent) + yaml_scalar(value) + "\n";
  }
}

// ---- tables ----

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.-+eE%") == std::string_view::npos;
}

std::string number_text(double value) {
  const bool is_whole = value == std::floor(value);
  if (std::abs(value) < 1e15 && (is_whole || std::abs(value) >= 1e4)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

constexpr std::size_t kGap = 2;

bool is_time(std::string_view name) { return name.ends_with("_at") || name == "estimated_start"; }

/// How people read a field's name: cells of "..._bytes" say their unit themselves.
std::string title(std::string_view name) {
  if (name.ends_with("_bytes")) name.remove_suffix(6);
  return std::string(name);
}

/// "train=fashion" for a dataset and its role.
std::string use_text(const json::value& use) {
  const auto word = [&](const char* key) {
    return use.is_object() && use.get_object().contains(key) ? cell(key, use.get_object().at(key)) : "";
  };
  return fmt::format("{}={}", word("role"), word("dataset"));
}

struct Column {
  std::string name;
  std::vector<std::string> cells;
  bool is_prose = false;  ///< may be cut, so it comes last
};

/// What a column needs at least. A matter of its name and not of its rows, so that a list of the same things has the
/// same columns today and tomorrow.
std::size_t least_width(const Column& column) {
  if (column.is_prose) return 8;
  const std::size_t head = title(column.name).size();
  if (is_time(column.name)) return std::max(head, std::string_view("2026-01-31 12:00:05 UTC").size());
  if (column.name == "id") return 3;
  return std::max<std::size_t>(head, column.name == "state" ? 11 : column.name == "name" ? 12 : 6);
}

/// Fields that lists do not carry, or that say nothing to people.
bool is_for_lists(std::string_view name) {
  return !name.ends_with("_sha256") && name != "labels" && name != "token" && name != "remedy" &&
         name != "stop_requested";
}

std::vector<Column> columns_of_list(const json::array& items, std::vector<std::string> names) {
  if (names.empty())
    for (const json::value& item : items)
      for (const auto& member : item.is_object() ? item.get_object() : json::object{{"", item}})
        if (std::find(names.begin(), names.end(), std::string_view(member.key())) == names.end())
          names.emplace_back(member.key());
  std::vector<Column> columns;
  for (const std::string& name : names) {
    if (!is_for_lists(name)) continue;
    Column column{.name = name, .is_prose = name == "reason"};
    for (const json::value& item : items) {
      const json::value* value = item.is_object() ? item.get_object().if_contains(name)
                                 : name.empty()   ? &item
                                                  : nullptr;
      column.cells.push_back(value == nullptr ? "" : cell(name, *value));
    }
    columns.push_back(std::move(column));
  }
  std::stable_partition(columns.begin(), columns.end(), [](const Column& c) { return !c.is_prose; });
  return columns;
}

/// Takes columns out until the rest fits: from the right, but no prose. Gives their names.
std::vector<std::string> take_out_what_does_not_fit(std::vector<Column>& columns, std::size_t width) {
  std::vector<std::string> names;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const Column& column : columns) sum += least_width(column) + (sum > 0 ? kGap : 0);
    return sum;
  };
  while (total() > width) {
    const auto last = std::find_if(columns.rbegin(), columns.rend(), [](const Column& c) { return !c.is_prose; });
    if (last == columns.rend() || last.base() - 1 == columns.begin()) break;  // the first one says what a row is about
    names.insert(names.begin(), title(last->name));
    columns.erase(last.base() - 1);
  }
  return names;
}

std::string list_table(const json::array& items, const std::vector<std::string>& names, int width) {
  std::vector<Column> columns = columns_of_list(items, names);
  std::vector<std::string> left_out;
  if (width > 0) left_out = take_out_what_does_not_fit(columns, static_cast<std::size_t>(width));
  std::vector<std::vector<std::string>> rows(items.size() + 1);
  for (const Column& column : columns) {
    rows[0].push_back(title(column.name));
    for (std::size_t i = 0; i < column.cells.size(); ++i) rows[i + 1].push_back(column.cells[i]);
  }
  std::string out = table(rows, width);
  if (left_out.empty()) return out;
  const std::string note = fmt::format("(left out: {}; -o json shows all)\n", fmt::join(left_out, ", "));
  const bool fits = columns_of(note) <= static_cast<std::size_t>(width) + 1;
  return out + (fits ? note : fmt::format("({} more columns: -o json)\n", left_out.size()));
}

/// Takes columns of the widest ones until all fit. Numbers are not cut.
void cut_to(std::vector<std::size_t>& widths, const std::vector<bool>& numeric, std::size_t room) {
  constexpr std::size_t kNarrowest = 4;
  std::size_t total = widths.empty() ? 0 : kGap * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  for (; total > room; --total) {
    std::size_t* widest = nullptr;
    for (std::size_t c = 0; c < widths.size(); ++c)
      if (!numeric[c] && widths[c] > kNarrowest && (widest == nullptr || widths[c] >= *widest)) widest = &widths[c];
    if (widest == nullptr) return;
    --*widest;
  }
}

/// Columns of a terminal that a character takes: 2 for wide ones, 0 for those that combine with the one before.
std::size_t width_of_character(char32_t character) {
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (character < 0x300 || utf8 == nullptr) return 1;
  const locale_t before = ::uselocale(utf8);
  const int width = ::wcwidth(static_cast<wchar_t>(character));
  ::uselocale(before);
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

/// Calls `visit(bytes, columns)` for each character until it gives false. A byte that begins none counts as one.
template <class Visit>
void for_each_character(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) ++size;
    char32_t character = first;
    if (first >= 0xc0) {
      character = first & (size == 2 ? 0x1f : size == 3 ? 0x0f : 0x07);
      for (std::size_t i = 1; i < size; ++i) character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
    }
    if (!visit(text.substr(0, size), width_of_character(character))) return;
    text.remove_prefix(size);
  }
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for_each_character(text, [&](std::string_view, std::size_t width) {
    columns += width;
    return true;
  });
  return columns;
}

std::string shortened(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  std::string out;
  std::size_t used = 0;
  for_each_character(text, [&](std::string_view character, std::size_t width) {
    if (used + width + 1 > columns) return false;
    out += character;
    used += width;
    return true;
  });
  return out + "…";
}

std::string cell(std::string_view name, const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  if (value.is_number()) {
    const double number = value.to_number<double>();
    return name.ends_with("_bytes") ? base::size_text(number) : number_text(number);
  }
  if (value.is_string()) {
    std::string text = base::printable(value.get_string());
    if (is_time(name) && text.size() > 19 && text.ends_with('Z')) {
      text.resize(19);
      text[10] = ' ';
      text += " UTC";
    }
    return text;
  }
  std::string out;
  if (value.is_array()) {
    if (name == "datasets") {
      for (const json::value& item : value.get_array()) out += (out.empty() ? "" : " ") + use_text(item);
      return out;
    }
    for (const json::value& item : value.get_array()) out += (out.empty() ? "" : ", ") + cell("", item);
    return out;
  }
  for (const auto& member : value.get_object())
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", base::printable(member.key()),
                       cell(member.key(), member.value()));
  return out;
}

std::string table(const std::vector<std::vector<std::string>>& rows, int width) {
  std::vector<std::size_t> widths;
  std::vector<bool> numeric;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      if (c == widths.size()) {
        widths.push_back(0);
        numeric.push_back(true);
      }
      widths[c] = std::max(widths[c], columns_of(rows[r][c]));
      if (r > 0 && !rows[r][c].empty()) numeric[c] = numeric[c] && is_number(rows[r][c]);
    }
  }
  if (width > 0) cut_to(widths, numeric, static_cast<std::size_t>(width));
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c > 0) line.append(kGap, ' ');
      const std::string text = shortened(row[c], widths[c]);
      const std::string padding(widths[c] - columns_of(text), ' ');
      line += numeric[c] ? padding + text : text + padding;
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  }
  return out;
}

namespace {

/// Lines of whole words that fit; a word that does not fit alone is cut.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::string word = shortened(text.substr(0, text.find(' ')), columns);
    text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1);
    if (!lines.back().empty() && columns_of(lines.back()) + 1 + columns_of(word) > columns) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

std::size_t longest_word(std::string_view text) {
  std::size_t longest = 0;
  for (; !text.empty(); text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1))
    longest = std::max(longest, columns_of(text.substr(0, text.find(' '))));
  return longest;
}

/// A line for each member; where the terminal is narrow several, or one below for a word that is too long beside its
/// name.
std::string object_lines(const json::object& object, int width) {
  std::size_t names = 0;
  for (const auto& member : object) names = std::max(names, title(member.key()).size());
  std::string out;
  for (const auto& member : object) {
    const std::string text = cell(member.key(), member.value());
    if (text.empty()) continue;
    const std::string head = fmt::format("{:<{}}", title(member.key()), names + kGap);
    const auto room = static_cast<std::size_t>(width);
    if (width <= 0 || head.size() + columns_of(text) <= room) {
      out += fmt::format("{}{}\n", head, text);
      continue;
    }
    const bool is_below = head.size() + longest_word(text) > room;
    const std::size_t indent = is_below ? kGap : head.size();
    out += is_below ? title(member.key()) + "\n" : head;
    bool is_first = !is_below;
    for (const std::string& line : wrapped(text, std::max(room, indent + 8) - indent))
      out += fmt::format("{}{}\n", std::exchange(is_first, false) ? "" : std::string(indent, ' '), line);
  }
  return out;
}

}  // namespace

std::string render(const json::value& answer, Format format, int width, const std::vector<std::string>& columns) {
  if (format == Format::json) return base::to_text(answer, 2) + "\n";
  if (format == Format::yaml) {
    std::string out;
    write_yaml(out, answer, 0, false);
    return out;
  }
  if (answer.is_object()) {
    if (const json::value* items = answer.get_object().if_contains("items"); items != nullptr && items->is_array())
      return items->get_array().empty() ? "" : list_table(items->get_array(), columns, width);
    return object_lines(answer.get_object(), width);
  }
  if (answer.is_array()) return answer.get_array().empty() ? "" : list_table(answer.get_array(), columns, width);
  return cell("", answer) + "\n";
}

}  // namespace ncloud
