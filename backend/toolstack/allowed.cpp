#include "backend/toolstack/allowed.hpp"

#include "backend/targets/sg/resolve.hpp"

#include <filesystem>

namespace pvscsi::toolstack {

using config::PdevKind;

std::optional<config::Refusal> refused_by_allow_list(const config::Settings& settings,
                                                     const config::Pdev& pdev) {
    const auto refused = [](const std::string& what, const char* list) {
        return config::Refusal{what + " is not in " + list + " of [allow] in pvscsid.toml",
                               "an entry that is, or more in that list"};
    };
    if (pdev.kind == PdevKind::iscsi && !allows_target(settings, pdev.name))
        return refused(pdev.name, "targets");
    const auto path = backend::path_of(pdev);
    if (!path || path->empty())
        return {}; // names nothing of the host
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(*path, error).string();
    const bool device = pdev.kind != PdevKind::file && pdev.kind != PdevKind::iso;
    const auto plain = std::filesystem::path(*path).lexically_normal().string();
    // A link in /dev is root's; one elsewhere may be anybody's, so it is where it leads.
    const bool allowed =
        device ? allows_device(settings, plain) || (!error && allows_device(settings, real))
               : !error && allows_file(settings, real);
    if (allowed)
        return {};
    return refused(error ? plain : real, device ? "devices" : "folders");
}

} // namespace pvscsi::toolstack
