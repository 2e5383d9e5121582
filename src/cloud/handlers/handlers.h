#pragma once
#include "api/router.h"
#include "cloud/identity.h"
#include "cloud/machine.h"
#include "cloud/objects.h"
#include "cloud/store.h"
#include "cloud/worker.h"

namespace cloud {

class History;
class Logins;
class Supervisor;

/// What handlers work on; all of it outlives the router.
struct Parts {
  Store& store;
  Identities& identities;
  Logins& logins;
  History& history;
  Objects& objects;
  Supervisor& supervisor;
  Worker& worker;
  Machine machine;
};

// Each gives the router what the operations of one resource do.
void handle_server(api::Router& router, const Protection& protection);
void handle_tenants(api::Router& router, Parts parts);
void handle_users(api::Router& router, Parts parts);
void handle_members(api::Router& router, Parts parts);
void handle_history(api::Router& router, Parts parts);
void handle_datasets(api::Router& router, Parts parts);
void handle_volumes(api::Router& router, Parts parts);
void handle_queue(api::Router& router, Parts parts);
void handle_models(api::Router& router, Parts parts);

inline constexpr std::size_t kPageBytes = std::size_t{1} << 20;  ///< a page ends with the entry that passes this

/// The page of `rows`, of which one more than asked for was read if there are more. It ends early when it is large.
template <class Item, class Token>
api::Page<Item> page_of(std::vector<Item> rows, int page_size, Token token_of) {
  api::Page<Item> page;
  std::size_t size = 0, bytes = 0;
  while (size < std::min(rows.size(), static_cast<std::size_t>(page_size)) && bytes < kPageBytes)
    bytes += base::to_text(base::encode(rows[size++])).size();
  if (rows.size() > size) {
    rows.resize(size);
    page.next_page_token = std::to_string(token_of(rows.back()));
  }
  page.items = std::move(rows);
  return page;
}

/// The number in a page token; `first` for the empty one. Errors: invalid_argument.
std::int64_t number_in_page_token(std::string_view token, std::int64_t first);

inline constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();

}  // namespace cloud
