#include "backend/targets/iscsi/open.hpp"

#include "backend/targets/iscsi/secrets.hpp"
#include "backend/targets/iscsi/target.hpp"
#include "common/base/fnv.hpp"
#include "common/base/small_file.hpp"
#include "common/config/settings.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <sstream>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

constexpr const char* name_of_host = "/etc/iscsi/initiatorname.iscsi"; // open-iscsi's
constexpr std::size_t longest_name = 223;                              // RFC 7143 4.2.7.2

/// What the SAN's administrator knows this host by already, or a name with the host's in it.
std::string host_name() {
    if (const auto text = read_small_file(name_of_host)) {
        std::istringstream lines(*text);
        constexpr std::string_view key = "InitiatorName=";
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(key))
                return line.substr(key.size(), line.find_last_not_of(" \t\r") + 1 - key.size());
    }
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0')
        return "iqn.2026-11.local.pvscsi:host";
    return std::string("iqn.2026-11.local.pvscsi:") + name.data();
}

bool in_names(char c) {
    return config::is_letter(c) || config::is_digit(c) || c == '.' || c == '-' || c == ':';
}

} // namespace

std::string initiator_name(const std::string& configured, const std::string& guest) {
    const std::string base = configured.empty() ? host_name() : configured;
    std::string name = base + ":" + guest.substr(guest.rfind('/') + 1);
    name = config::lower_case(name);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !in_names(c); }, '-');
    if (name.size() > longest_name)
        throw std::runtime_error(fmt::format(
            "the initiator name {} is longer than {} characters; expected a shorter one as "
            "[iscsi] initiator in pvscsid.toml",
            name, longest_name));
    return name;
}

std::unique_ptr<Target> open_iscsi_target(const config::Pdev& pdev, const LunConfig& config,
                                          const OpenedFor& whom) {
    if (whom.control == nullptr)
        throw std::logic_error("nowhere to open a session");
    const config::Settings settings =
        whom.settings != nullptr ? *whom.settings : config::Settings{};
    const std::string unit = config::backing_key(pdev);
    auto claim = std::make_unique<IscsiClaim>(unit, sharing_of(config));
    IscsiUnitOptions options;
    options.portal = pdev.portal;
    options.lun = static_cast<std::uint16_t>(pdev.address.lun);
    options.read_only = config.read_only;
    options.longest = std::chrono::seconds(config.timeout);
    IscsiLogin& login = options.login;
    login.target = pdev.name;
    login.initiator = initiator_name(settings.iscsi_initiator.value_or(""), whom.guest);
    // One for each unit of the guest, and the same after a restart.
    login.isid = fnv1a(config.serial + " " + unit) & ((std::uint64_t{1} << 40) - 1);
    login.header_digest = settings.iscsi_header_digest.value_or("none") == "crc32c";
    if (!pdev.user.empty()) {
        login.user = pdev.user;
        auto secrets = read_chap_secrets(
            settings.iscsi_secrets.value_or(std::string(config::default_iscsi_secrets)), pdev.user);
        login.secret = std::move(secrets.secret);
        login.target_user = std::move(secrets.target_user);
        login.target_secret = std::move(secrets.target_secret);
    }
    return std::make_unique<IscsiTarget>(libiscsi(), std::move(options), std::move(claim),
                                         *whom.control);
}

} // namespace pvscsi::backend
