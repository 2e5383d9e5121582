#include "apps/ncloud/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "api/client.h"
#include "apps/ncloud/output.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/log.h"

namespace ncloud {
namespace {

volatile std::sig_atomic_t interrupt_count = 0;

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const auto start = text.find_first_not_of(" \t\r\n");
  return start == std::string::npos ? "" : text.substr(start);
}

// While nothing of what is typed is shown: what the terminal was before, and is again whatever ends this program.
volatile std::sig_atomic_t is_silent = 0;
termios as_it_was{};

void end_silence() {
  if (is_silent == 0) return;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_it_was);
  is_silent = 0;
}

void on_interrupt(int) {
  interrupt_count = interrupt_count + 1;
  if (interrupt_count > 1 || is_silent != 0) {
    end_silence();
    ::_exit(130);
  }
  api::Client::interrupt();
}

void on_end(int signal) {
  end_silence();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

bool shows_colours() {
  const char* no_colour = base::environment("NO_COLOR");
  const char* term = base::environment("TERM");
  return notes_are_terminal() && (no_colour == nullptr || *no_colour == 0) &&
         (term == nullptr || std::string_view(term) != "dumb");
}

int width_of(int file) {
  winsize size{};
  if (::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void need_terminal(std::string_view question) {
  if (::isatty(STDIN_FILENO) == 0)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("standard input is no terminal to ask for '{}'; use --host and --token-stdin", question));
}

}  // namespace

bool output_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }
bool notes_are_terminal() { return ::isatty(STDERR_FILENO) != 0; }
bool shows_live_lines() { return output_is_terminal() && notes_are_terminal(); }
int output_width() { return output_is_terminal() ? width_of(STDOUT_FILENO) : 0; }

std::string red(std::string_view text) {
  return shows_colours() ? fmt::format("\x1b[31m{}\x1b[0m", text) : std::string(text);
}
std::string dim(std::string_view text) {
  return shows_colours() ? fmt::format("\x1b[2m{}\x1b[0m", text) : std::string(text);
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool concerns_all(base::Code code) {
  using enum base::Code;
  return code == unauthenticated || code == unavailable || code == interrupted || code == disk_full || code == internal;
}

void tell(std::string_view line) { std::fputs(fmt::format("{}\n", line).c_str(), stderr); }
void complain(std::string_view message) { tell(fmt::format("{} {}", red("ncloud:"), base::printable(message))); }

std::string line_of_input() {
  std::string line;
  std::getline(std::cin, line);
  return trimmed(line);
}

std::string ask(std::string_view question) {
  need_terminal(question);
  fmt::print(stderr, "{}: ", question);
  std::string line;
  if (!std::getline(std::cin, line)) throw base::Error(base::Code::interrupted, "no answer");
  return trimmed(line);
}

std::string ask_secret(std::string_view question) {
  need_terminal(question);
  struct Silence {
    Silence() {
      ::tcgetattr(STDIN_FILENO, &as_it_was);
      is_silent = 1;
      termios silent = as_it_was;
      silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
      ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    ~Silence() { end_silence(); }
  };
  std::string line;
  {
    const Silence silence;
    line = ask(question);
  }
  fmt::print(stderr, "\n");
  return line;
}

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = on_end;
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return interrupt_count > 0; }

std::string fitted(std::vector<LivePart> parts, std::size_t columns) {
  while (true) {
    std::string line;
    for (const LivePart& part : parts)
      line += (line.empty() || part.text.empty() ? "" : "  ") + base::printable(part.text);
    const auto first_to_go = std::max_element(parts.begin(), parts.end(),
                                              [](const LivePart& a, const LivePart& b) { return a.spare < b.spare; });
    if (columns_of(line) <= columns || first_to_go == parts.end() || first_to_go->spare == 0)
      return shortened(line, columns);
    parts.erase(first_to_go);
  }
}

void LiveLine::draw(const std::vector<LivePart>& parts) {
  if (!shows_live_lines()) return;
  const std::int64_t now = base::steady_now_us();
  if (drawn_columns_ > 0 && now - last_us_ < 100'000) return;
  last_us_ = now;
  const auto columns = static_cast<std::size_t>(std::max(width_of(STDERR_FILENO) - 1, 1));
  const std::string line = fitted(parts, columns);
  clear();
  fmt::print(stderr, "{}", line);
  drawn_columns_ = std::max<std::size_t>(columns_of(line), 1);
}

void LiveLine::clear() {
  if (drawn_columns_ == 0) return;
  // A terminal that has become narrower has broken the line into several rows.
  const auto width = static_cast<std::size_t>(width_of(STDERR_FILENO));
  const std::size_t rows_above = (drawn_columns_ - 1) / width;
  const std::string up = rows_above > 0 ? fmt::format("\x1b[{}A", rows_above) : "";
  fmt::print(stderr, "\r{}\x1b[J", up);
  drawn_columns_ = 0;
}

}  // namespace ncloud
