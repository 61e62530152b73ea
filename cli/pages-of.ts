/** The pages of a list, up to its last. `ask`: asks for the page that a token names, the first one by the empty token. */
export async function* pagesOf<P extends { readonly nextPageToken: string }>(
  ask: (pageToken: string) => Promise<P>,
): AsyncGenerator<P> {
  let pageToken = "";
  do {
    const page = await ask(pageToken);
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
