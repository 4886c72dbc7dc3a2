#include "backend/inject/rule.hpp"

#include "common/scsi/opcode.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <span>
#include <vector>

namespace pvscsi::backend::inject {

namespace {

namespace opcode = scsi::opcode;

constexpr std::array<std::uint8_t, 4> reads{opcode::read_6, opcode::read_10, opcode::read_12,
                                            opcode::read_16};
constexpr std::array<std::uint8_t, 4> writes{opcode::write_6, opcode::write_10, opcode::write_12,
                                             opcode::write_16};
/// Those whose fields block_range() knows.
constexpr std::array<std::uint8_t, 22> with_blocks{opcode::read_6,
                                                   opcode::read_10,
                                                   opcode::read_12,
                                                   opcode::read_16,
                                                   opcode::write_6,
                                                   opcode::write_10,
                                                   opcode::write_12,
                                                   opcode::write_16,
                                                   opcode::write_and_verify_10,
                                                   opcode::write_and_verify_12,
                                                   opcode::write_and_verify_16,
                                                   opcode::verify_10,
                                                   opcode::verify_12,
                                                   opcode::verify_16,
                                                   opcode::pre_fetch_10,
                                                   opcode::pre_fetch_16,
                                                   opcode::synchronize_cache_10,
                                                   opcode::synchronize_cache_16,
                                                   opcode::write_same_10,
                                                   opcode::write_same_16,
                                                   opcode::compare_and_write,
                                                   opcode::or_write_16};

template <class Codes>
bool is_one_of(std::uint8_t code, const Codes& codes) noexcept {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// "READ(10)", "read_10" and "read-10" are the same name.
std::string plain(std::string_view name) {
    std::string result;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

/// Decimal, or hexadecimal after 0x.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value > most)
        return {};
    return value;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

} // namespace

/// One text; the first mistake ends it.
class RuleParser {
  public:
    Expected<Rule, std::string> parse(std::string_view text) {
        rule_.text_ = text;
        for (const std::string_view part : split(text, ',')) {
            const auto equals = part.find('=');
            const std::string_view key = part.substr(0, equals);
            const bool has_value = equals != std::string_view::npos;
            const std::string_view value = has_value ? part.substr(equals + 1) : std::string_view();
            if (!take(key, value, has_value))
                return unexpected(fmt::format("'{}' in '{}': {}", part, text, expected_));
        }
        if (rule_.opcodes_.none())
            rule_.opcodes_.set();
        if (const char* const wrong = contradiction())
            return unexpected(fmt::format("'{}': {}", text, wrong));
        return std::move(rule_);
    }

  private:
    struct Key {
        std::string_view name;
        bool (RuleParser::*take)(std::string_view value);
        const char* expected;
    };

    bool take(std::string_view name, std::string_view value, bool has_value) {
        static constexpr std::array keys{
            Key{"opcode", &RuleParser::opcode_,
                "expected a number to 0xff or a name such as read_10"},
            Key{"service-action", &RuleParser::service_action, "expected a number to 0x1f"},
            Key{"lba", &RuleParser::blocks, "expected FIRST or FIRST-LAST"},
            Key{"skip", &RuleParser::skip, "expected a number"},
            Key{"count", &RuleParser::count, "expected a number of at least 1"},
            Key{"probability", &RuleParser::probability, "expected more than 0, at most 1"},
            Key{"delay", &RuleParser::delay, "expected milliseconds, 1 to 600000"},
            Key{"sense", &RuleParser::sense, "expected KEY/ASC/ASCQ, hexadecimal, such as 3/11/00"},
            Key{"status", &RuleParser::status,
                "expected a number from 1 to 0xff, but 2, or busy, task-set-full, "
                "reservation-conflict, aca-active, task-aborted, condition-met"},
            Key{"host", &RuleParser::host, "expected a host code, such as time-out or 3"},
            Key{"short", &RuleParser::missing, "expected bytes, at least 1"}};
        if (name == "drop" || name == "lost-abort") {
            expected_ = "takes no value";
            (name == "drop" ? rule_.effect_.drop : rule_.effect_.lost_abort) = true;
            return !has_value;
        }
        for (const Key& key : keys)
            if (key.name == name) {
                expected_ = key.expected;
                return has_value && (this->*key.take)(value);
            }
        expected_ = "expected opcode=, service-action=, lba=, skip=, count=, probability=, delay=, "
                    "drop, sense=, status=, host=, short= or lost-abort";
        return false;
    }

    bool opcode_(std::string_view value) {
        const std::string name = plain(value);
        if (const auto code = number(value, 0xff)) {
            rule_.opcodes_.set(*code);
            return true;
        }
        for (unsigned code = 0; code < 256; ++code) {
            const auto byte = static_cast<std::uint8_t>(code);
            if (plain(scsi::opcode_name(byte)) == name ||
                (name == "read" && is_one_of(byte, reads)) ||
                (name == "write" && is_one_of(byte, writes)))
                rule_.opcodes_.set(code);
        }
        return !name.empty() && rule_.opcodes_.any();
    }
    bool service_action(std::string_view value) {
        const auto action = number(value, 0x1f);
        if (action)
            rule_.service_action_ = static_cast<std::uint8_t>(*action);
        return action.has_value();
    }
    bool blocks(std::string_view value) {
        const auto parts = split(value, '-');
        const auto first = number(parts.front(), ~std::uint64_t{0});
        const auto last = number(parts.back(), ~std::uint64_t{0});
        if (parts.size() > 2 || !first || !last || *last < *first)
            return false;
        rule_.blocks_ = {*first, *last};
        return true;
    }
    bool skip(std::string_view value) {
        const auto times = number(value, ~std::uint64_t{0});
        rule_.skip_ = times.value_or(0);
        return times.has_value();
    }
    bool count(std::string_view value) {
        const auto times = number(value, ~std::uint64_t{0});
        rule_.count_ = times.value_or(0);
        return rule_.count_ != 0;
    }
    bool probability(std::string_view value) {
        double chance = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), chance);
        if (read.ec != std::errc() || read.ptr != value.data() + value.size() ||
            !(chance > 0 && chance <= 1))
            return false;
        rule_.chance_ = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(chance * 0x1p32));
        return true;
    }
    bool delay(std::string_view value) {
        const auto ms = number(value, static_cast<std::uint64_t>(longest_delay.count()));
        rule_.effect_.delay = std::chrono::milliseconds(ms.value_or(0));
        return rule_.effect_.delay.count() != 0;
    }
    bool sense(std::string_view value) {
        std::array<std::uint8_t, 3> codes{};
        const auto parts = split(value, '/');
        if (parts.size() != codes.size())
            return false;
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const char* const end = parts[i].data() + parts[i].size();
            const auto read = std::from_chars(parts[i].data(), end, codes[i], 16);
            if (read.ec != std::errc() || read.ptr != end)
                return false;
        }
        if (codes[0] > 0xf)
            return false;
        rule_.effect_.sense =
            scsi::Sense::fixed(static_cast<scsi::SenseKey>(codes[0]), codes[1], codes[2]);
        return true;
    }
    bool status(std::string_view value) {
        for (unsigned code = 1; code < 256; ++code)
            if (const auto name = to_string(static_cast<scsi::Status>(code));
                name != "?" && plain(name) == plain(value))
                rule_.effect_.status = static_cast<std::uint8_t>(code);
        if (const auto code = number(value, 0xff))
            rule_.effect_.status = static_cast<std::uint8_t>(*code);
        return rule_.effect_.status.value_or(0) != 0 &&
               rule_.effect_.status != static_cast<std::uint8_t>(scsi::Status::check_condition);
    }
    bool host(std::string_view value) {
        const auto code = number(value, 0xff);
        for (unsigned i = 1; i < 256; ++i) {
            const auto name = to_string(static_cast<scsi::HostCode>(i));
            if (name != "?" && (plain(name) == plain(value) || code == i))
                rule_.effect_.host = static_cast<scsi::HostCode>(i);
        }
        return rule_.effect_.host.has_value();
    }
    bool missing(std::string_view value) {
        const auto bytes = number(value, ~std::uint32_t{0});
        rule_.effect_.missing = static_cast<std::uint32_t>(bytes.value_or(0));
        return rule_.effect_.missing != 0;
    }

    [[nodiscard]] const char* contradiction() const {
        const Effect& effect = rule_.effect_;
        const int answers = int{effect.drop} + int{!effect.sense.empty()} +
                            int{effect.status.has_value()} + int{effect.host.has_value()};
        if (answers > 1)
            return "only one of drop, sense=, status= and host= can happen to a command";
        if (effect.drop && (effect.delay.count() != 0 || effect.missing != 0))
            return "what is dropped is neither late nor short";
        if (effect.host && effect.missing != 0)
            return "what does not reach the device is not short";
        if (answers == 0 && effect.delay.count() == 0 && effect.missing == 0 && !effect.lost_abort)
            return "nothing happens; expected delay=, drop, sense=, status=, host=, short= or "
                   "lost-abort";
        return nullptr;
    }

    Rule rule_;
    const char* expected_ = "";
};

Expected<Rule, std::string> Rule::parse(std::string_view text) {
    constexpr std::size_t longest = 256;
    if (text.empty() || text.size() > longest)
        return unexpected(std::string("a rule has 1 to 256 characters"));
    return RuleParser().parse(text);
}

bool Rule::fits(const ring::Cdb& cdb) const noexcept {
    if (!opcodes_.test(cdb.opcode()))
        return false;
    if (service_action_ && (cdb.padded()[1] & 0x1f) != *service_action_)
        return false;
    if (!blocks_)
        return true;
    if (!is_one_of(cdb.opcode(), with_blocks))
        return false;
    const auto range = scsi::block_range(cdb.padded());
    const std::uint64_t last =
        range.blocks == 0 ? range.lba : range.lba + std::min(range.blocks - 1, ~range.lba);
    return range.lba <= blocks_->last && last >= blocks_->first;
}

} // namespace pvscsi::backend::inject
