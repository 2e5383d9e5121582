#include "apps/ncloud/command_line.h"
#include "apps/ncloud/terminal.h"

int main(int argc, char** argv) {
  ncloud::catch_interrupts();
  return ncloud::run_command_line(argc, argv);
}
