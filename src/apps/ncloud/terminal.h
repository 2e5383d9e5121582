#pragma once
#include <string>
#include <string_view>

namespace ncloud {

bool output_is_terminal();  ///< standard output
bool notes_are_terminal();  ///< standard error

/// Columns of standard output; 0 (no limit) when it is no terminal.
int output_width();

/// `text` in colour, if standard error shows colours: a terminal, and NO_COLOR is not set (https://no-color.org).
std::string red(std::string_view text);
std::string dim(std::string_view text);

/// Asks on the terminal. Errors: invalid_argument when standard input is none.
std::string ask(std::string_view question);
std::string ask_secret(std::string_view question);

/// Ctrl-C asks this program to stop; the second one ends it at once.
void catch_interrupts();
bool interrupted();

/// One line on standard error that is drawn again and again, at most ten times a second. Does nothing when that is no
/// terminal.
class LiveLine {
 public:
  ~LiveLine() { clear(); }
  void draw(std::string_view text);
  void clear();  ///< before other text is written

 private:
  std::int64_t last_us_ = 0;
  bool drawn_ = false;
};

}  // namespace ncloud
