// A create that is under way: NAME.creating, beside NAME.pending (../toolstack/pending.hpp), from
// before the domain is made until it runs. Whoever is killed in between leaves it behind, and the
// next pvscsictl makes of it what the domain is like:
//
//   #making           it is being made: which domain it is was not known yet. One of that name that
//                     has not run is named, and left: it may be somebody else's.
//   #made DOMID VM    the domain, and its `vm` node: it is ended again
//   #whole DOMID VM   it has its LUNs: it is let run
//
// A domain that has run (hv::Domains::has_run()) is never touched.
// Thread: the store's. Errors: as verbs.hpp.
#pragma once

#include "backend/ctl/domain_lock.hpp"
#include "backend/ctl/verbs.hpp"

namespace pvscsi::ctl {

[[nodiscard]] std::string creation_file(const std::string& directory, const std::string& domain);

/// The mark of this process, with the domain's lock. Where it can't be written, on a full disk,
/// the domain is made all the same, and a warning says what that means.
class CreationMark {
  public:
    /// Failure(timed_out) while another pvscsictl is at work with this domain.
    CreationMark(Context& context, const std::string& domain);
    /// It is done, or undone.
    ~CreationMark();
    CreationMark(const CreationMark&) = delete;
    CreationMark& operator=(const CreationMark&) = delete;

    void made(DomId guest);
    void whole(DomId guest);
    /// What was begun is left to the next one.
    void keep() { marked_ = false; }

  private:
    void write(const std::string& text);

    Context& context_;
    const std::string domain_;
    std::optional<DomainLock> lock_;
    bool marked_ = false;
};

/// The domain goes, and its vhosts, whoever serves them.
void end_domain(Context& context, DomId guest);

/// What was left by who was killed; the caller has the domain's lock.
void finish_creation(Context& context, const std::string& domain);

} // namespace pvscsi::ctl
