#pragma once
#include <string>

#include "wire/event.h"

/// Shows a training to the person at the terminal.
class Console {
 public:
  /// `live`: rewrite one line; else a line per epoch.
  Console(std::string cost_name, bool live);
  void show(const wire::Event& event);

 private:
  void show_step(const wire::Event& event);
  void clear_live_line();
  void show_epoch(const wire::Event& event);

  std::string cost_name_;
  bool live_;
  std::size_t drawn_columns_ = 0;  ///< of the live line as it stands on the screen
};

bool both_are_terminals();  ///< standard output and standard error

/// The live line of a step in at most `columns` columns: what matters least goes first.
std::string live_line(const wire::Event& step, std::size_t columns);
