#include "backend/npiv/vport_command.hpp"

#include "common/base/sysfs.hpp"
#include "common/base/unique_fd.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::backend::npiv {

namespace {

constexpr std::size_t longest_symbolic_name = 63;

std::string text_of(int error) {
    return std::generic_category().message(error);
}

/// Of an attribute that no driver has seen.
VportRefusal not_opened(int code) {
    if (code == EACCES || code == EPERM || code == EROFS)
        return {code,
                {"sysfs can't be written here (" + text_of(code) + ")",
                 "a daemon that may: the service as it is packaged, run by root"}};
    return {
        code,
        {"the host's port has gone (" + text_of(code) + ")", "the port, with its driver loaded"},
        true};
}

/// What a driver says that could not do it now.
std::optional<VportRefusal> passing(int code) {
    switch (code) {
    case ENODEV:
    case ENXIO:
        return VportRefusal{
            code, {"the host's port has gone", "the port, with its driver loaded"}, true};
    case EINTR: // also lpfc's VPORT_NORESOURCES
    case EAGAIN:
    case EBUSY:
    case ENOMEM:
    case ESRCH: // lpfc's VPORT_NOMEM
    case EPERM: // lpfc's VPORT_ERROR
    case EIO:   // fcoe's for everything that it could not set up
        return VportRefusal{code,
                            {"the driver could not do it now (" + text_of(code) + ")",
                             "another try; the kernel's log may say more"},
                            true};
    default:
        return {};
    }
}

VportRefusal not_created(const Written& written, const FcPort& on, const WwnPair& names) {
    const int code = written.code;
    if (!written.opened)
        return not_opened(code);
    if (auto refusal = passing(code))
        return *refusal;
    const std::string port = to_string(on.names.port);
    switch (code) {
    case ENOSPC: // max_npiv_vports
        return {code,
                {fmt::format("the port {} has {} of {} virtual ports already", port,
                             on.vports_in_use, on.max_vports.value_or(0)),
                 "another port of the host, or fewer guests on this one"},
                true};
    case ENOTUNIQ: // VPCERR_BAD_WWN
        return {code,
                {fmt::format("the adapter of {} has a port with the name {} already", port,
                             to_string(names.port)),
                 "names that nobody else has"}};
    case EOPNOTSUPP: // VPCERR_NO_FABRIC_SUPP; qla2xxx: also before it has seen a switch
        return {code,
                {fmt::format("the port {} is not at a fabric that has NPIV (a loop, another port "
                             "directly, no link yet, or NPIV is switched off there)",
                             port),
                 "a switch with NPIV enabled for that port"},
                true};
    case ENOSYS: // VPCERR_UNSUPPORTED; qla2xxx: also where there is no room for more
        return {
            code,
            {fmt::format("the driver or the adapter of {} has no virtual ports, or no more", port),
             "an adapter that has NPIV, with room for one"}};
    case EINVAL: // also VPCERR_INVALID_WWN, and fcoe's for a name that is in use
    case ENOENT: // lpfc's VPORT_INVAL: the same, a format that it does not take, or NPIV is off
        return {code,
                {fmt::format("the port {} refuses the names {}: one of its ports has that WWPN "
                             "already, or its driver does not take it",
                             port, to_string(names)),
                 "names that nobody else has, with 1000 at the beginning if with 1"}};
    default:
        return {code,
                {fmt::format("the port {} makes no virtual port ({})", port, text_of(code)),
                 "the kernel's log, which may say more"}};
    }
}

/// Printable, and without what separates the parts.
std::string plain(std::string_view text) {
    std::string result;
    for (const char c : text)
        result += c > ' ' && c < 0x7f && c != ':' ? c : '_';
    return result;
}

} // namespace

Written write_attribute(const std::filesystem::path& attribute, const std::string& text) {
    const UniqueFd fd(adopt_fd, ::open(attribute.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd)
        return {errno, false};
    // Never again: what was done before a signal came would be done twice.
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0)
        return {errno};
    // qla2xxx says that it has failed by a number above 0, which comes as that many bytes.
    return {static_cast<std::size_t>(written) == text.size() ? 0 : EIO};
}

std::optional<VportRefusal> create_vport(const FcTree& tree, const FcPort& on, const WwnPair& names,
                                         const WriteAttribute& write) {
    const Written written = write(tree.port_attribute(on.host, "vport_create"), to_string(names));
    return written.done() ? std::nullopt : std::optional(not_created(written, on, names));
}

std::optional<VportRefusal> delete_vport(const FcTree& tree, const FcVport& vport,
                                         const WriteAttribute& write) {
    // By the port that it is on: that waits until it is gone, the one in fc_vports does not.
    const Written written =
        write(tree.port_attribute(vport.on_host, "vport_delete"), to_string(vport.names));
    // ENODEV: there is no such pair, or somebody else deletes it just now.
    const bool is_gone = written.opened ? written.code == ENODEV : written.code == ENOENT;
    if (written.done() || is_gone)
        return {};
    if (!written.opened)
        return not_opened(written.code);
    if (auto refusal = passing(written.code))
        return refusal;
    return VportRefusal{written.code,
                        {fmt::format("the virtual port {} is not deleted ({})",
                                     to_string(vport.names.port), text_of(written.code)),
                         "the kernel's log, which may say more"},
                        true};
}

bool hold_commands(const FcTree& tree, const FcRemotePort& target, unsigned seconds,
                   const WriteAttribute& write) {
    const auto loss = tree.remote_port_attribute(target.name, "dev_loss_tmo");
    const auto now = config::parse_decimal(sysfs::first_line(loss), ~0U);
    // Without a number it is never lost.
    if (now && *now <= seconds && !write(loss, std::to_string(seconds + 1)).done())
        return false;
    return write(tree.remote_port_attribute(target.name, "fast_io_fail_tmo"),
                 std::to_string(seconds))
        .done();
}

std::string symbolic_name(std::string_view host, std::string_view domain, std::string_view vhost) {
    const std::string end = ":" + plain(vhost);
    constexpr std::string_view begin = "pvscsi:";
    constexpr std::size_t longest_host = 20;
    const std::string where = plain(host.substr(0, longest_host));
    const std::size_t taken = begin.size() + where.size() + 1 + end.size();
    const std::size_t room = longest_symbolic_name - std::min(taken, longest_symbolic_name);
    return (std::string(begin) + where + ":" + plain(domain.substr(0, room)) + end)
        .substr(0, longest_symbolic_name);
}

bool name_vport(const FcTree& tree, const FcVport& vport, const std::string& symbolic_name,
                const WriteAttribute& write) {
    return write(tree.vport_attribute(vport.name, "symbolic_name"), symbolic_name).done();
}

} // namespace pvscsi::backend::npiv
