import {
  AdmissionOutcome,
  type ContractService,
  ListAdmissionsRequestSchema,
} from "@heddle/contracts/heddle/contract/v1";
import { nextPageToken, pageOf, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import type { Admission } from "../admission/admission.ts";
import type { AdmissionStore } from "../store/admission-store.ts";
import { RECORD_PAGE_SIZES } from "./page-sizes.ts";

/** Before all that a list has shown. */
const FROM_THE_LATEST = 2n ** 63n - 1n;

/** Lists what was decided over contracts, latest first. */
export const listAdmissions =
  (deps: {
    store: Store;
    admissions: AdmissionStore;
    admission: Admission;
  }): Handler<typeof ContractService.method.listAdmissions> =>
  async (request) => {
    const { store, admissions, admission } = deps;
    const { size, after } = pageOf(ListAdmissionsRequestSchema, request, RECORD_PAGE_SIZES);
    const { package: packageName, outcomes } = request;
    const beforeId = after === undefined ? FROM_THE_LATEST : BigInt(after[0] ?? 0);
    const rows = await store.read((reader) =>
      admissions.list(reader, { package: packageName, outcomes, beforeId, limit: size + 1 }),
    );
    const { items, last } = takePage(rows, size);
    return {
      admissions: items.map((each) => ({
        ...each,
        pending:
          each.outcome === AdmissionOutcome.REFUSED &&
          admission.isPending(each.package, each.contractHash, each.serviceName),
      })),
      nextPageToken: last ? nextPageToken(ListAdmissionsRequestSchema, request, [`${last.id}`]) : "",
    };
  };
