#include "cloud/answers.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sha256.h"

namespace cloud {
namespace {

/// What a key is found by. Whoever reads the database learns no key from it.
std::string hash_of_key(std::string_view key) { return base::sha256(fmt::format("key\n{}", key)); }

std::string bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return bytes;
}

// An answer may hold a secret that is nowhere else, so it is kept as only a repeated request can read it: under a
// stream of SHA-256 blocks made from the key, which the database does not hold. Applied twice it is the text again. The
// caller, the fingerprint and the time make each stream another, should a key serve twice.
std::string veiled(std::string text, const api::Identity& identity, std::string_view key, std::string_view fingerprint,
                   std::int64_t created_us) {
  std::string block;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 32 == 0)
      block = bytes_of_hex(base::sha256(fmt::format("answer\n{}\n{}\n{}\n{}\n{}\n{}", key, identity.user_id,
                                                    identity.tenant_id, fingerprint, created_us, i)));
    text[i] = static_cast<char>(text[i] ^ block[i % 32]);
  }
  return text;
}

void make_room(Database& db, const api::Identity& identity, std::int64_t bytes, std::int64_t now) {
  db.run("delete from answers where created_us < ?", now - Answers::kKeptUs);
  while (true) {
    const auto [count, kept_bytes] = *db.first(
        "select count(*), coalesce(sum(length(answer)), 0) from answers where user_id = ? and tenant_id = ?",
        [](const Row& row) { return std::pair(row.integer(0), row.integer(1)); }, identity.user_id, identity.tenant_id);
    if (count == 0 || (count < Answers::kMaxKept && kept_bytes + bytes <= Answers::kMaxKeptBytes)) return;
    db.run(
        "delete from answers where user_id = ? and tenant_id = ? and created_us = (select min(created_us) from answers "
        "where user_id = ? and tenant_id = ?)",
        identity.user_id, identity.tenant_id, identity.user_id, identity.tenant_id);
  }
}

}  // namespace

std::optional<Answers::Kept> Answers::lookup(const api::Identity& identity, std::string_view key) {
  return store_.read([&](Database& db) {
    return db.first(
        "select fingerprint, answer, created_us from answers where user_id = ? and tenant_id = ? and key_hash = ? and "
        "created_us >= ?",
        [&](const Row& row) {
          const std::string text = veiled(bytes_of_hex(row.text(1)), identity, key, row.text(0), row.integer(2));
          return Kept{row.text(0), base::parse_json(text, "a kept answer")};
        },
        identity.user_id, identity.tenant_id, hash_of_key(key), base::wall_now_us() - kKeptUs);
  });
}

void keep_answer(Database& db, const api::Call& call, const base::json::value& answer) {
  if (!call.once) return;
  const std::int64_t now = base::wall_now_us();
  const std::string text =
      base::hex(veiled(base::to_text(answer), call.identity, call.once->key, call.once->fingerprint, now));
  make_room(db, call.identity, static_cast<std::int64_t>(text.size()), now);
  db.run(
      "insert into answers (user_id, tenant_id, key_hash, fingerprint, answer, created_us) values (?, ?, ?, ?, ?, ?) "
      "on "
      "conflict (user_id, tenant_id, key_hash) do update set fingerprint = excluded.fingerprint, answer = "
      "excluded.answer, created_us = excluded.created_us",
      call.identity.user_id, call.identity.tenant_id, hash_of_key(call.once->key), call.once->fingerprint, text, now);
}

}  // namespace cloud
