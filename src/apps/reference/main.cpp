#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "apps/reference/page.h"
#include "base/error.h"
#include "base/files.h"

// Writes the pages of docs/reference that come from declarations, or says which of them are not what the declarations
// make of them.
namespace {

std::vector<reference::Page> all_pages() {
  std::vector<reference::Page> pages = reference::shelf_pages();
  pages.push_back(reference::loader_page());
  for (reference::Page& page : reference::contract_pages()) pages.push_back(std::move(page));
  pages.push_back(reference::commands_page());
  pages.push_back(reference::settings_page());
  return pages;
}

bool is_current(const reference::Page& page, const std::filesystem::path& file) {
  return std::filesystem::exists(file) && base::read_file(file) == page.text;
}

int run(bool only_check, const std::filesystem::path& folder) {
  int stale = 0;
  for (const reference::Page& page : all_pages()) {
    const std::filesystem::path file = folder / page.file;
    if (is_current(page, file)) continue;
    if (only_check) {
      fmt::print(stderr, "{} is not what the declarations make of it; run: make docs\n", file.string());
      ++stale;
    } else {
      base::write_file_atomically(file, page.text);
      fmt::print("{}\n", file.string());
    }
  }
  return stale == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool only_check = argc == 3 && std::string_view(argv[1]) == "--check";
  if (argc != 2 && !only_check) {
    fmt::print(stderr, "usage: reference [--check] FOLDER\n");
    return 2;
  }
  try {
    return run(only_check, argv[argc - 1]);
  } catch (const base::Error& error) {
    fmt::print(stderr, "reference: {}\n", error.message);
    return base::kind_of(error.code).exit_code;
  } catch (const std::exception& error) {
    fmt::print(stderr, "reference: {}\n", error.what());
    return 1;
  }
}
