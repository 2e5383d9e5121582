#pragma once
#include <string>

#include "job/events.h"

/// Shows a training to the person at the terminal.
class Console {
 public:
  /// `live`: rewrite one line; else a line per epoch.
  Console(std::string cost_name, bool live);
  void show(const job::Event& event);

 private:
  void show_step(const job::Event& event);
  void show_epoch(const job::Event& event);

  std::string cost_name_;
  bool live_;
  std::string line_;  ///< what the live line shows now
};
