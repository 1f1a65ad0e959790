// RFC 9908's template, filled in.
#ifndef AGENT_ENROLL_CSR_PLAN_TEMPLATE_H_
#define AGENT_ENROLL_CSR_PLAN_TEMPLATE_H_

#include "agent/enroll/csr_plan.h"
#include "common/est/csr_template.h"

namespace bestow::agent {

// What `wanted` comes to; what it leaves open is filled in from `wishes`, and
// what can't be filled in is named in plan->unmet and left out.
void PlanTemplate(const est::CsrTemplate& wanted, const CsrWishes& wishes,
                  CsrPlan* plan);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_CSR_PLAN_TEMPLATE_H_
