// A page or a game in Node: runs a bundle of the target transformers-js with transformers.js. Says as
// JSON in which tokens the model reads each chat and what it answers, greedily.
import { readFileSync } from "node:fs";
import { dirname, basename } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, env } from "@huggingface/transformers";

const [bundle, asked] = process.argv.slice(2);
const chats = JSON.parse(readFileSync(asked, "utf8"));
env.localModelPath = `${dirname(bundle)}/`;
env.allowRemoteModels = false;

const tokenizer = await AutoTokenizer.from_pretrained(basename(bundle));
const model = await AutoModelForCausalLM.from_pretrained(basename(bundle), {
  dtype: "fp32",
  device: "cpu",
});

const answers = [];
let made = 0;
const begun = performance.now();
for (const chat of chats) {
  const inputs = tokenizer.apply_chat_template(chat, {
    add_generation_prompt: true,
    return_dict: true,
  });
  const read = inputs.input_ids.dims[1];
  const output = await model.generate({ ...inputs, max_new_tokens: 64, do_sample: false });
  made += output.dims[1] - read;
  const [text] = tokenizer.batch_decode(output.slice(null, [read, null]), {
    skip_special_tokens: true,
  });
  answers.push({ tokens: inputs.input_ids.tolist().flat().map(Number), text: text.trim() });
}
const seconds = (performance.now() - begun) / 1000;
console.log(JSON.stringify({ answers, tokensPerSecond: made / seconds }));
