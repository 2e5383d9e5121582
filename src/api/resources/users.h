#pragma once
#include "api/operation.h"

namespace api {

struct User {
  std::int64_t id = 0;
  std::string name;
  bool admin = false;
  std::vector<std::string> tenants;
  bool has_password = false;
  std::string created_at;
  static constexpr auto fields() {
    return std::tuple(
        base::field("id", &User::id, "number"), base::field("name", &User::name, "unique name"),
        base::field("admin", &User::admin, "may manage tenants, users and resources"),
        base::field("tenants", &User::tenants, "names of the tenants the user belongs to, the first first"),
        base::field("has_password", &User::has_password, "whether the user can log in"),
        base::field("created_at", &User::created_at, "RFC 3339, UTC"));
  }
};

struct UserRef {
  std::string user;
  static constexpr auto fields() {
    return std::tuple(base::field("user", &UserRef::user, "id or name").like(kReference).required().positional());
  }
};

struct CreateUser {
  std::string name;
  std::vector<std::string> tenants;
  Role role = Role::member;
  bool admin = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("name", &CreateUser::name, "letters, digits, '-', '_', '.' and '@'; at most 64")
            .like(kUserName)
            .required()
            .positional()
            .such_as("ada"),
        base::field("tenants", &CreateUser::tenants,
                    "tenant (id or name); may be given more than once; your own when left out")
            .like(kReference)
            .items(0, 1000)
            .flag('t'),
        base::field("role", &CreateUser::role, "in these tenants: viewer, member or manager").flag('r'),
        base::field("admin", &CreateUser::admin, "make the user an administrator; only administrators may"));
  }
};

/// A credential. The secret is shown once, at creation; the server keeps only its hash.
struct Token {
  std::int64_t id = 0;
  std::string user;
  std::string tenant;
  std::string note;
  Role scope = Role::viewer;
  std::optional<std::int64_t> made_by;
  std::string created_at;
  std::optional<std::string> expires_at;
  std::optional<std::string> used_at;
  std::optional<std::string> token;
  static constexpr auto fields() {
    return std::tuple(base::field("id", &Token::id, "number"), base::field("user", &Token::user, "whose"),
                      base::field("tenant", &Token::tenant, "the one tenant it is for; empty: any of the user's"),
                      base::field("note", &Token::note, "what it is for"),
                      base::field("scope", &Token::scope, "calls with it may do what this role may, and no more"),
                      base::field("made_by", &Token::made_by, "number of the token that made it, and takes it along"),
                      base::field("created_at", &Token::created_at, "RFC 3339, UTC"),
                      base::field("expires_at", &Token::expires_at, "RFC 3339, UTC; absent when it does not expire"),
                      base::field("used_at", &Token::used_at, "RFC 3339, UTC: when it was last used; absent: never"),
                      base::field("token", &Token::token, "the secret; only in the answer to its creation"));
  }
};

struct CreateToken {
  std::string user;
  std::string tenant;
  std::string note;
  int expires_in_days = 0;
  std::optional<Role> scope;
  std::string password;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &CreateToken::user, "id or name; yourself when left out")
            .empty_or_like(kReference)
            .positional(),
        base::field("tenant", &CreateToken::tenant, "make it for this one of the user's tenants alone")
            .empty_or_like(kReference)
            .flag('t'),
        base::field("note", &CreateToken::note, "what it is for").empty_or_like(kTitle),
        base::field("expires_in_days", &CreateToken::expires_in_days, "0: it lives as long as the token that makes it")
            .range(0, 36500),
        base::field("scope", &CreateToken::scope,
                    "viewer, member, manager or admin: the most that calls with it may do; as your own when left out")
            .flag('s'),
        base::field("password", &CreateToken::password,
                    "your own: the token is then made by you and not by the token you call with, which it may outlive")
            .empty_or_like(kAnyPassword));
  }
};

struct RevokeToken {
  std::int64_t token = 0;
  bool keep_made = false;
  bool force = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("token", &RevokeToken::token, "its number").required().positional(),
        base::field("keep_made", &RevokeToken::keep_made, "keep the tokens that it made for other users"),
        base::field("force", &RevokeToken::force,
                    "even if it is the last with an administrator's rights, or tokens of other users go with it"));
  }
};

struct LogIn {
  std::string user;
  std::string password;
  int hours = 12;
  std::optional<Role> scope;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &LogIn::user, "name").like(kReference).required().positional(),
        base::field("password", &LogIn::password, "the user's password").like(kAnyPassword).required(),
        base::field("hours", &LogIn::hours, "how long the session lasts").range(1, 720),
        base::field("scope", &LogIn::scope, "the most that it may do; all that the user may when left out").flag('s'));
  }
};

struct SetPassword {
  std::string user;
  std::optional<std::string> password;
  std::string current;
  static constexpr auto fields() {
    return std::tuple(
        base::field("user", &SetPassword::user, "id or name").like(kReference).required().positional(),
        base::field("password", &SetPassword::password, "the new one; one is made and answered when left out")
            .like(kPassword)
            .such_as("correct horse battery staple"),
        base::field("current", &SetPassword::current, "of one's own: the password before, if there is one")
            .like(kAnyPassword));
  }
};

struct NewPassword {
  std::string user;
  std::optional<std::string> password;
  static constexpr auto fields() {
    return std::tuple(base::field("user", &NewPassword::user, "name"),
                      base::field("password", &NewPassword::password, "the password that was made; shown this once"));
  }
};

/// The caller, as the server knows it.
struct Caller {
  std::string user;
  std::string tenant;
  std::optional<Role> role;
  bool admin = false;
  std::vector<std::string> tenants;
  static constexpr auto fields() {
    return std::tuple(base::field("user", &Caller::user, "name"),
                      base::field("tenant", &Caller::tenant, "the tenant of this call; empty when you have none"),
                      base::field("role", &Caller::role, "what you may do in it with this token"),
                      base::field("admin", &Caller::admin, "whether the token has the rights of an administrator"),
                      base::field("tenants", &Caller::tenants, "all that you belong to, the first first"));
  }
};

extern const Operation<CreateUser, User> create_user;
extern const Operation<PageRequest, Page<User>> list_users;
extern const Operation<UserRef, User> get_user;
extern const Operation<UserRef, Nothing> delete_user;
extern const Operation<CreateToken, Token> create_token;
extern const Operation<PageRequest, Page<Token>> list_tokens;
extern const Operation<RevokeToken, Nothing> revoke_token;
extern const Operation<Nothing, Caller> get_caller;
extern const Operation<LogIn, Token> log_in;
extern const Operation<Nothing, Nothing> log_out;
extern const Operation<SetPassword, NewPassword> set_password;

}  // namespace api
