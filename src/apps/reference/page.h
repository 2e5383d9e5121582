#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace reference {

/// One page of docs/reference, made from declarations.
struct Page {
  std::string file;  ///< "costs.md"
  std::string text;  ///< Markdown, ends with a newline
};

/// The pages of every shelf of the engine: layers, activations, costs, metrics, optimizers, schedules, initializers.
std::vector<Page> shelf_pages();

/// etl types, augmentations and the other keys of a loader configuration.
Page loader_page();

/// Operations of the REST API, and what each error code means on every border.
std::vector<Page> contract_pages();

/// Commands of `ncloud`.
Page commands_page();

/// Options of `ncloudd` and `neon`, and variables of the environment.
Page settings_page();

/// The top of a page: its title, where it comes from, and what to know before reading it.
std::string page_head(std::string_view title, std::string_view source, std::string_view introduction);

/// Text for a cell of a table: no line breaks, no bars that would end the cell.
std::string cell(std::string_view text);

/// A table of the properties of a JSON Schema of kind object: name, values, default, meaning. Empty when it has none.
std::string table_of_properties(const base::json::object& schema);

/// What a JSON Schema accepts, in a few words: "whole number, 1 to 4096", "`max` or `avg`", "list of numbers".
std::string values_of(const base::json::object& schema);

}  // namespace reference
