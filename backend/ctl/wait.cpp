#include "backend/ctl/common.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

/// What is awaited, and how far it is.
class Awaited {
  public:
    Awaited(Context& context, DomId guest, const WaitOptions& options)
        : context_(context), guest_(guest), options_(options) {}

    bool done() {
        late_.clear();
        bool there = false;
        for (const VhostEntry& vhost : all_vhosts(context_, guest_))
            for (const LunEntry& lun : vhost.luns) {
                if (!options_.lun.empty() && lun.vdev != options_.lun && lun.name != options_.lun)
                    continue;
                there = true;
                look_at(vhost, lun);
            }
        if (!there && !options_.gone)
            late_ = options_.lun.empty() ? "it has no LUN" : "there is no " + options_.lun;
        return late_.empty();
    }
    [[nodiscard]] const std::string& late() const { return late_; }

  private:
    void look_at(const VhostEntry& vhost, const LunEntry& lun) {
        const std::string state = lun_state(vhost, lun);
        // Without a reason it is being detached.
        const bool has_reason = !lun.error.empty() || !vhost.error.empty();
        if (!options_.gone && state == "failed" && has_reason)
            throw Failure(ExitCode::failed,
                          fmt::format("{} ({}) has failed: {}", printable(lun.vdev),
                                      printable(lun.pdev),
                                      printable(lun.error.empty() ? vhost.error : lun.error)));
        if (late_.empty() && (options_.gone || state != "connected"))
            late_ = printable(lun.vdev) + " is " + state;
    }

    Context& context_;
    const DomId guest_;
    const WaitOptions& options_;
    std::string late_;
};

/// Where its LUNs' states are: with each domain that serves one.
std::vector<std::string> places_of(Context& context, DomId guest) {
    std::vector<std::string> places;
    for (const DomId backend : domains_that_serve(context.store, context.backend))
        places.push_back(guest_path(backend, guest));
    return places;
}

/// What is misspelt is not there, and yet has not gone.
void require_name(Context& context, const hv::DomainInfo& domain, const std::string& name) {
    for (const VhostEntry& vhost : all_vhosts(context, domain.id))
        for (const LunEntry& lun : vhost.luns)
            if (lun.name == name)
                return;
    no_such_lun(domain.name, name);
}

} // namespace

std::string wait(Context& context, const WaitOptions& options) {
    const bool address = options.lun.find(':') != std::string::npos;
    if (const auto vdev = parse_vdev(options.lun); address && !vdev)
        throw Failure(ExitCode::configuration,
                      to_string(Remark{0, options.lun, vdev.error().reason, vdev.error().remedy}));
    const auto domain = find_domain(context, options.domain);
    if (options.gone && !options.lun.empty() && !address)
        require_name(context, domain, options.lun);
    Awaited awaited(context, domain.id, options);
    if (wait_for(context, places_of(context, domain.id), deadline_of(context),
                 [&] { return awaited.done(); }))
        return {};
    throw Failure(ExitCode::timed_out,
                  fmt::format("domain {} '{}' after {}: {}", domain.id.value(),
                              printable(domain.name), patience_text(context), awaited.late()));
}

} // namespace pvscsi::ctl
