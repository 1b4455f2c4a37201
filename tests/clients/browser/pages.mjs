// Every template, by addresses at which it shows all that it can.

const BERT = "/alice/zoo-bert";

/** Name of the picture or the message, address, status. */
export const PAGES = [
  ["home", "/"],
  ["models", "/models"],
  ["models-narrowed", "/models?q=task:fill-mask+zoo&sort=likes"],
  ["models-nothing", "/models?q=nothingcanhavethisname"],
  ["datasets", "/datasets"],
  ["spaces", "/spaces"],
  ["search", "/search?q=zoo"],
  ["search-empty", "/search"],
  ["model", BERT],
  ["model-derived", "/alice/zoo-tune"],
  ["dataset", "/datasets/alice/zoo-rows"],
  ["space", "/spaces/alice/zoo-demo"],
  ["report", `${BERT}/report`],
  ["files", `${BERT}/tree/main`],
  ["code", `${BERT}/blob/main/train.py`],
  ["markdown", `${BERT}/blob/main/docs/notes.md`],
  ["notebook", `${BERT}/blob/main/notes.ipynb`],
  ["csv", `${BERT}/blob/main/data/animals.csv`],
  ["json", `${BERT}/blob/main/config.json`],
  ["image", `${BERT}/blob/main/images/plot.png`],
  ["safetensors", `${BERT}/blob/main/model.safetensors`],
  ["history", `${BERT}/commits/main`],
  ["commit", `${BERT}/commit/main`],
  ["compare", "/compare?id=alice/zoo-bert&id=alice/zoo-tune&id=no/such"],
  ["compare-empty", "/compare"],
  ["setup", "/setup"],
  ["profile", "/alice"],
  ["missing", "/alice/no-such-model", 404],
  ["refused", "/models?q=size:%3C100elephants", 400],
];
