// A picture that is pasted anywhere on the page goes into the first key that is still empty.
() => {
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    const empty = ["#start", "#end"].find((key) => !document.querySelector(`${key} img`));
    const field = empty && document.querySelector(`${empty} input[type="file"]`);
    if (!file || !field) return;
    const carried = new DataTransfer();
    carried.items.add(file);
    field.files = carried.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
};
