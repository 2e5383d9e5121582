#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "api/resources/datasets.h"
#include "cloud/store.h"

namespace cloud {

// All inside a transaction.

/// Id of the tenant's dataset of that id or name. Errors: not_found, also for one of another tenant.
std::int64_t dataset_id_of(Database& db, std::int64_t tenant_id, std::string_view reference);

enum class Labels { load, leave_out };  // there may be a megabyte of them
api::Dataset dataset_with(Database& db, std::int64_t id, Labels labels = Labels::load);

/// What it holds: equal for datasets with the same records in the same shards, types and names of classes.
std::string content_of(Database& db, std::int64_t dataset_id);

/// Where two lists of class names differ, for people ("'a' has 'cat' at index 0, 'b' has 'dog'"); empty when they do
/// not, or when one has none.
std::string difference_of(const api::Dataset& a, const api::Dataset& b);

/// Objects that hold the records, in record order.
std::vector<std::string> shards_of(Database& db, std::int64_t dataset_id);

}  // namespace cloud
