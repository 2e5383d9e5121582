#pragma once

namespace ncloud {

/// Finds the command in the words of the command line, runs it and gives the program's exit code. Errors become a line
/// on standard error.
int run_command_line(int argc, const char* const* argv);

}  // namespace ncloud
