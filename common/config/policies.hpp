// Which commands a guest may send, as an administrator says it: classes of commands, profiles made
// of classes, and the host's own policies made of both ([policy.NAME] of pvscsid.toml). Which
// command belongs to which class is the daemon's table (backend/policy/commands.hpp).
//
// Thread: any. Errors: a Refusal; nothing throws but for lack of memory.
#pragma once

#include "common/config/pdev.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pvscsi::config {

/// By what a command may reach beyond the unit that it is sent to. A command is of one class.
enum class CommandClass : std::uint8_t {
    inquire,
    data,
    medium,
    configure,
    erase,
    reserve,
    diagnose,
    encrypt,
    copy,
    reserve_others,
    copy_others,
    ports,
    device,
    security,
    ata,
    firmware,
    vendor,
};
inline constexpr unsigned command_class_count = 17;

class CommandClasses {
  public:
    constexpr CommandClasses() = default;
    constexpr CommandClasses(std::initializer_list<CommandClass> list) {
        for (const CommandClass one : list)
            add(one);
    }
    [[nodiscard]] static constexpr CommandClasses all() {
        CommandClasses every;
        every.bits_ = (1u << command_class_count) - 1;
        return every;
    }
    [[nodiscard]] constexpr bool has(CommandClass one) const noexcept {
        return (bits_ >> static_cast<unsigned>(one) & 1) != 0;
    }
    constexpr void add(CommandClass one) noexcept { bits_ |= 1u << static_cast<unsigned>(one); }
    constexpr void remove(CommandClass one) noexcept {
        bits_ &= ~(1u << static_cast<unsigned>(one));
    }
    [[nodiscard]] constexpr CommandClasses with(CommandClasses more) const noexcept {
        more.bits_ |= bits_;
        return more;
    }
    friend bool operator==(const CommandClasses&, const CommandClasses&) = default;

  private:
    std::uint32_t bits_ = 0;
};

struct CommandClassForm {
    CommandClass value;
    std::string_view name;
    std::string_view meaning;
};
/// In the order of the values.
[[nodiscard]] std::span<const CommandClassForm> command_classes() noexcept;
[[nodiscard]] std::string_view name_of(CommandClass value) noexcept;

struct Profile {
    std::string_view name;
    CommandClasses classes;
    /// Peripheral device types (SPC-5 table 141) that it is for; empty: any.
    std::span<const std::uint8_t> types;
    bool checks_form; ///< refuses malformed commands
    std::string_view meaning;
};
[[nodiscard]] std::span<const Profile> profiles() noexcept;

/// What holds where an entry has no policy=.
inline constexpr std::string_view default_policy = "default";

/// "a4/0a" or "e5": an operation code, and maybe a service action (of WRITE and READ BUFFER: the
/// mode) of it.
struct CommandName {
    std::uint8_t opcode = 0;
    std::optional<std::uint16_t> action;
    friend bool operator==(const CommandName&, const CommandName&) = default;
};
using PolicyItem = std::variant<CommandClass, CommandName>;
inline constexpr std::string_view policy_item_form =
    "the name of a class, or an operation code in hexadecimal, such as \"firmware\", \"e5\" or, "
    "with a service action, \"a4/0a\"";
[[nodiscard]] std::optional<PolicyItem> parse_policy_item(std::string_view text);

/// [policy.NAME]
struct OwnPolicy {
    std::string name;
    std::string base = std::string(default_policy); ///< a profile's name
    std::vector<PolicyItem> allow, refuse;
    bool audit = false;
};
inline constexpr std::size_t max_policy_items = 64; ///< of each list

/// What policy= says: "NAME" or "audit:NAME".
struct PolicyChoice {
    bool audit = false;
    std::string_view name;
};
/// Nothing if it is none; whether there is such a policy is not asked.
[[nodiscard]] std::optional<PolicyChoice> parse_policy_choice(std::string_view text) noexcept;
/// Of a policy's name: 1 to 64 letters, digits, '.', '_' and '-'.
[[nodiscard]] bool is_policy_name(std::string_view text) noexcept;
[[nodiscard]] const Profile* find_profile(std::string_view name) noexcept;

/// A policy, put together.
struct Policy {
    std::string name;
    CommandClasses classes;
    std::vector<CommandName> allow, refuse; ///< go before the classes; refuse before allow
    bool audit = false;                     ///< what would be refused is only noted
    bool checks_form = true;
    std::span<const std::uint8_t> types;
};

/// What `choice`, the value of policy= or an empty text, means among the profiles and `own`.
[[nodiscard]] Expected<Policy, Refusal> find_policy(std::string_view choice,
                                                    std::span<const OwnPolicy> own);

} // namespace pvscsi::config
