#include "cloud/history.h"

#include "base/caught.h"
#include "base/clock.h"
#include "base/log.h"

namespace cloud {
namespace {

constexpr std::size_t kMostWaiting = 4096;     // refusals; more at one time are counted only
constexpr std::size_t kLongestText = 100;      // of a text in a request
constexpr std::size_t kLongestRequest = 2000;  // in all
constexpr int kWritesBetween = 256;            // looks for entries that are too many

/// "models/3" for "/api/v2/models/{model}" and {"model": 3}; with the name of what is made.
std::string target_of(const api::OperationInfo& operation, const base::json::object& request) {
  constexpr std::string_view kPrefix = "/api/v2/";
  std::string_view path = operation.path;
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  std::string target;
  const auto value_of = [&](std::string_view name) {
    const base::json::value* value = request.if_contains(name);
    if (value == nullptr) return std::string();
    return value->is_string() ? std::string(value->get_string()) : base::to_text(*value);
  };
  while (!path.empty()) {
    const auto open = std::min(path.find('{'), path.size());
    target += path.substr(0, open);
    path.remove_prefix(open);
    if (path.empty()) break;
    const auto close = path.find('}');
    target += value_of(path.substr(1, close - 1));
    path.remove_prefix(close + 1);
  }
  if (operation.creates)
    if (const std::string name = value_of("name"); !name.empty()) target += "/" + name;
  return base::printable(target, 200);
}

/// The request as it may be kept.
std::string kept(const api::OperationInfo& operation, const base::json::object& request) {
  base::json::object result;
  for (const auto& member : request) {
    const bool is_secret =
        std::find(operation.secrets.begin(), operation.secrets.end(), member.key()) != operation.secrets.end();
    if (is_secret) {
      result[member.key()] = "***";
    } else if (member.value().is_string() && member.value().get_string().size() > kLongestText) {
      result[member.key()] =
          base::printable(std::string_view(member.value().get_string()).substr(0, kLongestText), kLongestText) + "…";
    } else {
      result[member.key()] = member.value();
    }
  }
  std::string text = base::to_text(result);
  if (text.size() > kLongestRequest) text = base::printable(text, kLongestRequest);
  return text;
}

}  // namespace

struct History::Entry {
  std::int64_t at_us = base::wall_now_us();
  std::int64_t tenant_id = 0;
  std::string tenant, user;
  std::int64_t token_id = 0;
  std::string address, request_id;
  std::string operation, target, request;
  std::string outcome = "done";
  std::string reason = {};
  bool is_written = false;
};

namespace {

// The entry of the call that this thread works on; its first transaction takes it along.
thread_local void* entry_of_thread = nullptr;

}  // namespace

History::History(Store& store) : store_(store) {
  store_.on_write([this](Database& db) { in_transaction(db); });
}

History::~History() { store_.on_write({}); }

api::Answer History::record(const api::OperationInfo& operation, const api::Call& call,
                            const base::json::value& request, const std::function<api::Answer()>& handler) {
  const bool changes = operation.method != api::Method::get && !operation.is_unrecorded;
  const base::json::object none;
  const base::json::object& values = request.is_object() ? request.get_object() : none;
  const auto describe = [&] {
    Entry entry{.tenant_id = call.identity.tenant_id,
                .tenant = call.identity.tenant,
                .user = call.identity.user,
                .token_id = call.identity.token_id,
                .address = call.address,
                .request_id = call.request_id,
                .operation = std::string(operation.name),
                .target = target_of(operation, values),
                .request = kept(operation, values)};
    const base::json::value* claimed = values.if_contains("user");
    if (entry.user.empty() && claimed != nullptr && claimed->is_string())
      entry.user = base::printable(std::string_view(claimed->get_string()), 64);
    return entry;
  };
  std::optional<Entry> entry;
  if (changes) entry = describe();
  struct Scope {
    explicit Scope(Entry* mine) { entry_of_thread = mine; }
    ~Scope() { entry_of_thread = nullptr; }
  };
  try {
    const Scope scope(entry ? &*entry : nullptr);
    return handler();
  } catch (const base::Error& error) {
    if (changes || error.code == base::Code::permission_denied)
      add_refusal(entry ? *std::move(entry) : describe(), error);
    throw;
  }
}

void History::add_refusal(Entry entry, const base::Error& error) {
  entry.outcome = base::kind_of(error.code).name;
  entry.reason = base::printable(base::message_for_others(error), 300);
  const std::lock_guard lock(mutex_);
  if (waiting_.size() < kMostWaiting)
    waiting_.push_back(std::move(entry));
  else
    ++dropped_;
}

void History::in_transaction(Database& db) {
  std::deque<Entry> refusals;
  std::int64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    refusals.swap(waiting_);
    dropped = std::exchange(dropped_, 0);
  }
  for (const Entry& refusal : refusals) write_down(db, refusal);
  if (dropped > 0) base::log_warning("{} refused calls came too fast for the history", dropped);
  auto* entry = static_cast<Entry*>(entry_of_thread);
  if (entry != nullptr && !std::exchange(entry->is_written, true)) write_down(db, *entry);
}

void History::write_down(Database& db, const Entry& entry) {
  const bool refused = entry.outcome != "done";
  db.run(
      "insert into history (at_us, tenant_id, tenant, user_name, token_id, address, request_id, operation, target, "
      "request, outcome, reason, refused) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      entry.at_us, entry.tenant_id, entry.tenant, entry.user, entry.token_id, entry.address, entry.request_id,
      entry.operation, entry.target, entry.request, entry.outcome, entry.reason, refused);
  if (--writes_until_look_ > 0) return;
  writes_until_look_ = kWritesBetween;
  for (const auto& [kind, most] : {std::pair(0, kKeptDone), std::pair(1, kKeptRefused)})
    db.run(
        "delete from history where refused = ? and id <= (select id from history where refused = ? order by id desc "
        "limit 1 offset ?)",
        kind, kind, most);
}

void History::flush() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
  }
  store_.write([](Database&) {});
}

}  // namespace cloud
