#include "backend/ctl/definition_warnings.hpp"

#include "backend/ctl/common.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

void warn_of_links(const toolstack::Definitions& definitions, const std::string& domain,
                   const std::function<void(const std::string&)>& warn) {
    constexpr std::size_t most_lines = 10;
    std::size_t lines = 0;
    for (const auto& link : definitions.broken_links())
        if ((domain.empty() || link.domain == domain) && ++lines <= most_lines)
            warn(link.text);
    if (lines > most_lines)
        warn(fmt::format("and {} more domains that were defined get no LUNs by that",
                         lines - most_lines));
}

void warn_of_links(const Context& context, const std::string& domain) {
    if (context.backend != toolstack_domain || context.definitions.empty())
        return;
    toolstack::Definitions definitions(context.definition_files, context.definitions);
    definitions.refresh([](const std::string&) {});
    warn_of_links(definitions, domain, context.warn);
}

} // namespace pvscsi::ctl
