import { type DocumentedPackage, openApiDocument } from "@heddle/mesh/openapi";
import type { Catalog } from "../registry/catalog.ts";
import { type KeptPage, keptPage } from "./kept-page.ts";

/** The OpenAPI documents of what can be called now. */
export interface ApiDocuments {
  /** Names of the packages. */
  packages(): readonly string[];
  /** The document of all packages. */
  whole(): Promise<KeptPage>;
  /** That of one package; undefined where nobody has it. */
  of(packageName: string): Promise<KeptPage> | undefined;
}

/** Documents are made when they are asked for, and kept until what they tell of changes. */
export const createApiDocuments = (
  catalog: Pick<Catalog, "packages" | "version">,
  gatewayVersion: string,
): ApiDocuments => {
  const kept = new Map<string, { readonly madeFrom: string; readonly page: Promise<KeptPage> }>();
  let keptVersion = -1;
  const document = (name: string, madeFrom: string, make: () => object): Promise<KeptPage> => {
    const known = kept.get(name);
    if (known?.madeFrom === madeFrom) return known.page;
    const page = keptPage("application/json", Buffer.from(JSON.stringify(make())), `${gatewayVersion} ${madeFrom}`);
    kept.set(name, { madeFrom, page });
    return page;
  };
  const present = () => {
    const packages = catalog.packages();
    if (keptVersion !== catalog.version()) {
      const names = new Set(packages.map(({ name }) => name));
      for (const name of kept.keys()) if (name !== "" && !names.has(name)) kept.delete(name);
      keptVersion = catalog.version();
    }
    return packages;
  };
  return {
    packages: () => present().map(({ name }) => name),
    whole() {
      const packages = present();
      const madeFrom = packages.map(({ name, hash }) => `${name}=${hash}`).join();
      return document("", madeFrom, () => openApiDocument(packages, infoOfAll(packages, gatewayVersion)));
    },
    of(packageName) {
      const found = present().find(({ name }) => name === packageName);
      return found && document(packageName, found.hash, () => openApiDocument([found], infoOf(packageName)));
    },
  };
};

const infoOf = (packageName: string) => ({
  title: packageName,
  version: packageName.split(".").at(-1) ?? packageName,
  description: `The package ${packageName}. ${HOW_TO_CALL}`,
});

const infoOfAll = (packages: readonly DocumentedPackage[], version: string) => ({
  title: "Heddle",
  version,
  description: `All packages that the mesh serves: ${packages.map(({ name }) => name).join(", ")}. ${HOW_TO_CALL}`,
});

const HOW_TO_CALL =
  "Each method can also be called by gRPC, gRPC-Web and Connect on `/package.Service/Method`; it is listed there when it has no path of its own. Where several services serve one method, the header `heddle-service` names one.";
