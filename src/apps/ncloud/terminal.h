#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ncloud {

bool output_is_terminal();  ///< standard output
bool notes_are_terminal();  ///< standard error
bool shows_live_lines();    ///< both are: nobody keeps in a file what is drawn again and again

/// Columns of standard output; 0 (no limit) when it is no terminal.
int output_width();

/// `text` in colour, if standard error shows colours: a terminal, and NO_COLOR is not set (https://no-color.org).
std::string red(std::string_view text);
std::string dim(std::string_view text);

/// `text` as one word of a shell, quoted where it must be.
std::string shell_word(std::string_view text);

/// Whether an error of one thing will be that of all others too: the server or the token is what is wrong.
bool concerns_all(base::Code code);

/// A line on standard error; lost when nobody reads there.
void tell(std::string_view line);
/// The same for what went wrong; control characters are made visible.
void complain(std::string_view message);

/// Asks on the terminal. Errors: invalid_argument when standard input is none.
std::string ask(std::string_view question);
std::string ask_secret(std::string_view question);

/// The first line of standard input that was not read yet, without blanks at its ends; for scripts.
std::string line_of_input();

/// Ctrl-C asks this program to stop; the second one ends it at once.
void catch_interrupts();
bool interrupted();

/// A part of a live line. Where there is no room, the parts with the highest `spare` are left out first; those with 0
/// stay.
struct LivePart {
  std::string text;
  int spare = 0;
};
std::string fitted(std::vector<LivePart> parts, std::size_t columns);

/// One line on standard error that is drawn again and again, at most ten times a second. It fits the terminal, also
/// when that becomes narrower. Does nothing unless shows_live_lines().
class LiveLine {
 public:
  ~LiveLine() { clear(); }
  void draw(const std::vector<LivePart>& parts);
  void clear();  ///< before other text is written

 private:
  std::int64_t last_us_ = 0;
  std::size_t drawn_columns_ = 0;  // of what is on the screen; 0 when nothing is
};

}  // namespace ncloud
