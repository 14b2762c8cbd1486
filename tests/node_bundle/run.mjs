// A game written in Node: runs the GGUF file of a bundle with node-llama-cpp. Says as JSON what the
// file's own template makes of each chat, in which tokens the model reads that, and what it answers,
// greedily.
//
// Prompts are written as text and read as a whole: node-llama-cpp's LlamaChatSession reads template
// and messages apart, and then a space between them is a token of its own.
import { readFileSync } from "node:fs";
import { Template } from "@huggingface/jinja";
import { getLlama } from "node-llama-cpp";

const [bundle, asked] = process.argv.slice(2);
const config = JSON.parse(readFileSync(`${bundle}/deployment_config.json`, "utf8"));
const chats = JSON.parse(readFileSync(asked, "utf8"));

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: `${bundle}/${config.model}` });
const context = await model.createContext({ contextSize: config.context_length, threads: 1 });
const sequence = context.getSequence();
const template = new Template(config.chat_template);

const answers = [];
let made = 0;
const begun = performance.now();
for (const chat of chats) {
  await sequence.clearHistory();
  const text = template.render({ messages: chat, add_generation_prompt: true });
  const tokens = model.tokenize(text, true);
  const answer = [];
  for await (const token of sequence.evaluate(tokens, { temperature: 0 })) {
    if (model.isEogToken(token) || answer.length >= 64) break;
    answer.push(token);
  }
  made += answer.length;
  answers.push({ prompt: text, tokens, text: model.detokenize(answer).trim() });
}
const seconds = (performance.now() - begun) / 1000;
console.log(JSON.stringify({ answers, tokensPerSecond: made / seconds }));
